//! A guest that QEMU returns to a snapshot does again what came after it. Its host is connected all the time.

use anyhow::{Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::guest::Guest;
use serde_json::json;
use tests::booted::{resynchronise, send_half, synchronise};
use tests::{Booted, soon};

use crate::rows::Row;
use crate::state::{self, Burst};

pub fn are_returned_to(row: Row) -> Result<()> {
    let (config, _disk) = state::config(row)?;
    let Booted { mut agent, mut guest } = Booted::start(&config)?;
    let burst = Burst::new(&mut agent)?;

    // Idle.
    state::store(&mut agent, row, "before")?;
    state::set_clock_back(&mut agent)?;
    snapshot(&mut guest, "savevm idle")?;
    state::set_clock_right(&mut agent)?;
    state::store(&mut agent, row, "after")?;
    snapshot(&mut guest, "loadvm idle")?;
    synchronise(&mut agent, 2)?;
    state::clock_is_behind_until_set(&mut agent)?;
    state::is_stored(&mut agent, row, "before")?;
    state::has_network(&mut agent, row)?;

    // In the middle of a request. Of a UART, nothing shows which bytes the guest has.
    if !state::is_uart(row) {
        send_half(&mut agent, &mut guest)?;
        snapshot(&mut guest, "savevm request")?;
        state::send_other_half(&mut agent)?;
        snapshot(&mut guest, "loadvm request")?;
        state::send_other_half(&mut agent)?;
        synchronise(&mut agent, 3)?;
    }

    // In the middle of replies.
    let (channel, beginning) = burst.stop_in_the_middle(row, agent, &mut guest)?;
    snapshot(&mut guest, "savevm replies")?;
    let mut agent = Client::over(channel);
    let rest = state::joined(resynchronise(&mut agent, 4)?);
    ensure!([beginning, rest].concat() == burst.replies.as_bytes(), "not each request has its reply");
    snapshot(&mut guest, "loadvm replies")?;
    // From where QEMU had got to, to the end of what the guest had received.
    let again = String::from_utf8(state::joined(resynchronise(&mut agent, 5)?))?;
    ensure!(!again.is_empty(), "no replies came again");
    ensure!(burst.replies.contains(&again), "replies that came again are not whole:\n{again}");
    Ok(())
}

/// Saves or loads a snapshot, after which the guest runs.
fn snapshot(guest: &mut Guest, command: &str) -> Result<()> {
    let mut qmp = guest.qmp(soon())?;
    let said = qmp.monitor(command, soon())?;
    ensure!(said.is_empty(), "{command}: {said}");
    qmp.execute("cont", json!({}), soon()).map(drop)
}
