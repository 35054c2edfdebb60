//! A guest that has nothing to do sleeps.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use nanoqga_testkit::machine::Channel;
use serde_json::json;
use tests::booted::{config_of, synchronise};
use tests::images::APPLIANCE;
use tests::processor::smallest_share;
use tests::{Booted, soon};

use crate::rows::Row;

const BAR: f64 = 0.01;

#[test]
fn an_idle_guest_with_a_network_takes_no_more() -> Result<()> {
    for (machine, network, ready) in [
        ("q35", "user", "10.0.2.15"),
        ("microvm", "user", "10.0.2.15"),
        // Nobody answers: the guest goes on asking, now and then.
        ("q35", "hubport,hubid=1", "fe80::"),
    ] {
        let mut config = config_of(&APPLIANCE, machine, Channel::Virtio)?;
        config.argument("-netdev", format!("{network},id=net")).virtio("net", "netdev=net");
        let mut booted = Booted::start(&config)?;
        soon().poll("an address", || {
            let told = booted.agent.execute("guest-network-get-interfaces", json!({}), soon())?;
            Ok(told.to_string().contains(ready).then_some(()))
        })?;
        // Routers are solicited three times, in eight seconds.
        thread::sleep(Duration::from_secs(9));
        takes_less_than_a_hundredth(booted, &format!("appliance, {machine}, {network}"))?;
    }
    Ok(())
}

/// Boots it, and leaves it alone.
pub fn takes_less_than_a_hundredth_of_a_core(row: Row) -> Result<()> {
    takes_less_than_a_hundredth(row.boot()?, &format!("{row:?}"))
}

pub fn takes_less_than_a_hundredth(Booted { mut agent, guest }: Booted, which: &str) -> Result<()> {
    synchronise(&mut agent, 2)?;
    let share = smallest_share(guest.pid(), BAR)?;
    ensure!(share < BAR, "{which}: idle at {share:.3} of a core");
    synchronise(&mut agent, 3)
}
