//! guest-shutdown in every mode, and what QEMU says of it.

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::machine::{Channel, Machine};
use serde_json::json;
use tests::booted::{synchronise, synchronise_after_firmware};
use tests::images::NANO;
use tests::{Booted, soon};

use crate::rows::Row;

/// Switches a guest off, and starts another one again that then goes on answering.
pub fn off_and_reboot(row: Row) -> Result<()> {
    off(row, r#"{"execute":"guest-shutdown"}"#)?;
    reboot(row)
}

fn off(row: Row, request: &str) -> Result<()> {
    goes_off(row.boot()?, row.machine, request)
}

/// Switches off a guest that runs.
pub fn goes_off(Booted { mut agent, mut guest }: Booted, machine: &str, request: &str) -> Result<()> {
    let mut qmp = guest.qmp(soon())?;
    agent.send(request.as_bytes(), soon())?;
    // QEMU 7.2's riscv64 machine ends then and there, without an event.
    if Machine::named(machine)?.architecture() != "riscv64" {
        let event = qmp.event("SHUTDOWN", soon())?;
        ensure!(event == json!({"guest": true, "reason": "guest-shutdown"}), "QEMU's SHUTDOWN was {event}");
    }
    let status = guest.wait(soon())?;
    ensure!(status.success(), "QEMU ended with {status}{}", guest.tails());
    // On success there is no reply: the next thing the channel has is its end.
    let said = agent.line(soon());
    ensure!(agent.is_closed(), "guest-shutdown was answered by {said:?}");
    Ok(())
}

fn reboot(row: Row) -> Result<()> {
    comes_again(&mut row.boot_with(|config| config.reboots = true)?, row.channel, soon())
}

/// Starts a guest again that runs, which answers before the deadline.
pub fn comes_again(booted: &mut Booted, channel: Channel, deadline: Deadline) -> Result<()> {
    let Booted { agent, guest } = booted;
    let mut qmp = guest.qmp(soon())?;
    agent.send(br#"{"execute":"guest-shutdown","arguments":{"mode":"reboot"}}"#, soon())?;
    let event = qmp.event("RESET", soon())?;
    ensure!(event == json!({"guest": true, "reason": "guest-reset"}), "QEMU's RESET was {event}");
    if channel.is_serial() {
        // SeaBIOS resets the machine again as it comes up, and each reset empties a UART's FIFO.
        synchronise_after_firmware(agent, 2)?;
    }
    let answer = agent.execute("guest-sync", json!({"id": 4}), deadline)?;
    ensure!(answer == 4, "guest-sync 4 was answered by {answer}");
    Ok(())
}

/// A machine without a power switch: the agent says so and goes on.
pub fn off_refused(row: Row) -> Result<()> {
    let Booted { mut agent, guest: _guest } = row.boot()?;
    for arguments in ["{}", r#"{"mode":"powerdown"}"#] {
        let request = format!(r#"{{"execute":"guest-shutdown","arguments":{arguments},"id":1}}"#);
        let reply = agent.request(&request, soon())?;
        let json = reply.json()?;
        ensure!(json["error"]["class"] == "GenericError" && json["id"] == 1, "{arguments}: {}", reply.text());
        synchronise(&mut agent, 3)?;
    }
    Ok(())
}

#[test]
fn powerdown_by_name() -> Result<()> {
    let row = Row { profile: &NANO, machine: "q35", channel: Channel::Virtio };
    off(row, r#"{"execute":"guest-shutdown","arguments":{"mode":"powerdown"}}"#)
}

#[test]
fn a_reset_ends_qemu_when_it_was_told_so() -> Result<()> {
    let Booted { mut agent, mut guest } = Booted::new("pc", Channel::Virtio)?;
    let mut qmp = guest.qmp(soon())?;
    agent.send(br#"{"execute":"guest-shutdown","arguments":{"mode":"reboot"}}"#, soon())?;
    let event = qmp.event("SHUTDOWN", soon())?;
    ensure!(event == json!({"guest": true, "reason": "guest-reset"}), "QEMU's SHUTDOWN was {event}");
    ensure!(guest.wait(soon())?.success());
    Ok(())
}

/// At EL3 there is no firmware to call, but pins of a PL061 of the secure state.
#[test]
fn a_guest_that_is_entered_at_el3_goes_off_and_comes_again() -> Result<()> {
    for secure in ["secure=on", "secure=on,gic-version=3", "secure=on,virtualization=on,gic-version=3"] {
        let boot = || {
            Booted::with("aarch64-virt", Channel::Virtio, |config| {
                config.argument("-machine", secure);
                config.reboots = true;
            })
        };
        comes_again(&mut boot()?, Channel::Virtio, soon()).context(secure)?;
        goes_off(boot()?, "aarch64-virt", r#"{"execute":"guest-shutdown"}"#).context(secure)?;
    }
    Ok(())
}
