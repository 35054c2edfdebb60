//! A guest that sleeps, and wakes where it was.

use anyhow::{Result, ensure};
use nanoqga_testkit::machine::Channel;
use serde_json::json;
use tests::booted::synchronise;
use tests::{Booted, soon};

use crate::booted::boot;

#[test]
fn a_guest_sleeps_in_memory_and_wakes_with_what_it_had() -> Result<()> {
    let Booted { mut agent, mut guest } = boot(Channel::Virtio)?;
    let file = json!({"path": "/run/kept", "mode": "w+"});
    let handle = agent.execute("guest-file-open", file, soon())?;
    let mut qmp = guest.qmp(soon())?;
    agent.send(br#"{"execute":"guest-suspend-ram"}"#, soon())?;
    qmp.event("SUSPEND", soon())?;
    qmp.execute("system_wakeup", json!({}), soon())?;
    qmp.event("WAKEUP", soon())?;
    // On success there is no reply: the next is that to the next request.
    synchronise(&mut agent, 2)?;
    let written = json!({"handle": handle, "buf-b64": "a2VwdA=="});
    ensure!(agent.execute("guest-file-write", written, soon())?["count"] == 4);
    Ok(())
}

#[test]
fn a_guest_without_a_place_for_its_state_refuses_to_sleep_on_disk() -> Result<()> {
    let Booted { mut agent, guest: _guest } = boot(Channel::Virtio)?;
    for command in ["guest-suspend-disk", "guest-suspend-hybrid"] {
        let reply = agent.request(&format!(r#"{{"execute":"{command}"}}"#), soon())?.json()?;
        ensure!(reply["error"]["class"] == "GenericError", "{command}: {reply}");
        synchronise(&mut agent, 2)?;
    }
    Ok(())
}
