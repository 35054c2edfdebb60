//! guest-get-time and guest-set-time.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::machine::Channel;
use serde_json::json;
use tests::images::APPLIANCE;
use tests::time::{SECOND, guest_time, has_gone_on, host_time, is_the_hosts};
use tests::{Booted, soon};

/// A machine with each kind of real-time clock: MC146818, goldfish, PL031.
const CLOCKS: [&str; 3] = ["q35", "riscv64-virt", "aarch64-virt"];

#[test]
fn a_guest_starts_with_the_machines_time() -> Result<()> {
    for machine in ["q35", "pc", "microvm", "riscv64-virt", "aarch64-virt"] {
        let Booted { mut agent, guest: _guest } = Booted::new(machine, Channel::Virtio)?;
        is_the_hosts(|| guest_time(&mut agent)).context(machine)?;
    }
    Ok(())
}

#[test]
fn the_clock_runs_on_from_where_it_was_set() -> Result<()> {
    for machine in CLOCKS {
        let Booted { mut agent, guest: _guest } = Booted::new(machine, Channel::Virtio)?;
        let later = guest_time(&mut agent)? + 3600 * SECOND;
        let start = Instant::now();
        agent.execute("guest-set-time", json!({"time": later}), soon())?;
        let first = guest_time(&mut agent)?;
        has_gone_on(later, start, first).context(machine)?;
        let second = guest_time(&mut agent)?;
        ensure!(second > first, "{machine}: {second} was read after {first}");
    }
    Ok(())
}

#[test]
fn without_a_time_the_guest_takes_the_machines() -> Result<()> {
    for machine in CLOCKS {
        let Booted { mut agent, guest: _guest } = Booted::new(machine, Channel::Virtio)?;
        let later = guest_time(&mut agent)? + 3600 * SECOND;
        let start = Instant::now();
        // This sets the machine's clock too, so that it can be told from the one the guest started with.
        agent.execute("guest-set-time", json!({"time": later}), soon())?;
        agent.execute("guest-set-time", json!({}), soon())?;
        // The machine's clock counts seconds.
        has_gone_on(later - SECOND, start, guest_time(&mut agent)?).context(machine)?;
    }
    Ok(())
}

/// Of all that such a machine has, only the local APIC's timer has a known speed.
#[test]
fn a_microvm_without_a_pit_has_a_clock_that_goes_on() -> Result<()> {
    let Booted { mut agent, guest: _guest } = Booted::of(&APPLIANCE, "microvm", Channel::Virtio, |config| {
        config.argument("-machine", "pit=off").user_network();
    })?;
    agent.execute("guest-get-cpustats", json!({}), soon())?;
    is_the_hosts(|| guest_time(&mut agent))?;
    // Whether a lease must be renewed is told by the same clock.
    soon().poll("an address by DHCP", || {
        let told = agent.execute("guest-network-get-interfaces", json!({}), soon())?;
        Ok(told.to_string().contains("10.0.2.15").then_some(()))
    })
}

/// How far a clock may be behind the real-time clock's second, in nanoseconds.
const NEAR: i64 = 20_000_000;

/// QEMU's PL031 begins its seconds with the host's. Others begin theirs with the machine.
#[test]
fn the_clock_is_taken_from_the_beginning_of_a_second() -> Result<()> {
    let Booted { mut agent, guest: _guest } = Booted::of(&APPLIANCE, "aarch64-virt", Channel::Virtio, |_| {})?;
    soon().poll("the host's time to within 20 ms", || {
        let before = host_time()?;
        let read = guest_time(&mut agent)?;
        Ok((before - NEAR..=host_time()?).contains(&read).then_some(()))
    })
}
