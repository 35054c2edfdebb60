//! guest-get-time and guest-set-time.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::machine::Channel;
use serde_json::json;
use tests::{Booted, soon};

const SECOND: i64 = 1_000_000_000;

/// How far guest and host may be apart: the machine's clock counts seconds, and a busy host answers late.
const APART: i64 = 120 * SECOND;

/// A machine with each kind of real-time clock: MC146818, goldfish, PL031.
const CLOCKS: [&str; 3] = ["q35", "riscv64-virt", "aarch64-virt"];

#[test]
fn a_guest_starts_with_the_machines_time() -> Result<()> {
    for machine in ["q35", "pc", "microvm", "riscv64-virt", "aarch64-virt"] {
        let Booted { mut agent, guest: _guest } = Booted::new(machine, Channel::Virtio)?;
        let apart = time(&mut agent)? - host_time()?;
        ensure!(apart.abs() < APART, "{machine}: {apart} ns apart from the host");
    }
    Ok(())
}

#[test]
fn the_clock_runs_on_from_where_it_was_set() -> Result<()> {
    for machine in CLOCKS {
        let Booted { mut agent, guest: _guest } = Booted::new(machine, Channel::Virtio)?;
        let before = time(&mut agent)?;
        let later = before + 3600 * SECOND;
        agent.execute("guest-set-time", json!({"time": later}), soon())?;
        let first = time(&mut agent)?;
        let second = time(&mut agent)?;
        ensure!((later..later + APART).contains(&first), "{machine}: set to {later}, read as {first}");
        ensure!(second > first, "{machine}: {second} was read after {first}");
    }
    Ok(())
}

#[test]
fn without_a_time_the_guest_takes_the_machines() -> Result<()> {
    for machine in CLOCKS {
        let Booted { mut agent, guest: _guest } = Booted::new(machine, Channel::Virtio)?;
        let later = time(&mut agent)? + 3600 * SECOND;
        // This sets the machine's clock too, so that it can be told from the one the guest started with.
        agent.execute("guest-set-time", json!({"time": later}), soon())?;
        agent.execute("guest-set-time", json!({}), soon())?;
        let read = time(&mut agent)?;
        ensure!((read - later).abs() < APART, "{machine}: set to {later}, taken as {read}");
    }
    Ok(())
}

fn time(agent: &mut Client) -> Result<i64> {
    agent.execute("guest-get-time", json!({}), soon())?.as_i64().context("guest-get-time gives an integer")
}

fn host_time() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?)
}
