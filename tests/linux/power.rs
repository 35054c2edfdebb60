//! How a guest goes down whose first process is the agent, as QEMU sees it.

use anyhow::{Result, ensure};
use nanoqga_testkit::machine::Channel;
use serde_json::json;
use tests::booted::synchronise;
use tests::{Booted, soon};

use crate::booted::{boot, boot_with};

#[test]
fn powerdown_switches_the_machine_off() -> Result<()> {
    for arguments in ["{}", r#"{"mode":"powerdown"}"#] {
        let Booted { mut agent, mut guest } = boot(Channel::Virtio)?;
        let mut qmp = guest.qmp(soon())?;
        agent.send(format!(r#"{{"execute":"guest-shutdown","arguments":{arguments}}}"#).as_bytes(), soon())?;
        let event = qmp.event("SHUTDOWN", soon())?;
        ensure!(event == json!({"guest": true, "reason": "guest-shutdown"}), "QEMU's SHUTDOWN was {event}");
        ensure!(guest.wait(soon())?.success());
        // On success there is no reply: the next thing the channel has is its end.
        let said = agent.line(soon());
        ensure!(agent.is_closed(), "guest-shutdown was answered by {said:?}");
    }
    Ok(())
}

#[test]
fn reboot_starts_the_guest_again() -> Result<()> {
    let Booted { mut agent, mut guest } = boot_with(Channel::Virtio, &[], |config| config.reboots = true)?;
    let mut qmp = guest.qmp(soon())?;
    agent.send(br#"{"execute":"guest-shutdown","arguments":{"mode":"reboot"}}"#, soon())?;
    let event = qmp.event("RESET", soon())?;
    ensure!(event == json!({"guest": true, "reason": "guest-reset"}), "QEMU's RESET was {event}");
    synchronise(&mut agent, 2)
}

#[test]
fn the_keys_that_restart_a_machine_take_the_guest_down_in_order() -> Result<()> {
    let Booted { mut agent, mut guest } = boot_with(Channel::Virtio, &[], |config| {
        config.reboots = true;
        config.append += " -v";
    })?;
    let mut qmp = guest.qmp(soon())?;
    let keys = ["ctrl", "alt", "delete"].map(|key| json!({"type": "qcode", "data": key}));
    qmp.execute("send-key", json!({"keys": keys}), soon())?;
    qmp.event("RESET", soon())?;
    guest.console_shows("debug: going down: Reboot", soon())?;
    synchronise(&mut agent, 2)
}

#[test]
fn halt_stops_the_guest_and_leaves_the_machine_on() -> Result<()> {
    let Booted { mut agent, guest } = boot(Channel::Virtio)?;
    agent.send(br#"{"execute":"guest-shutdown","arguments":{"mode":"halt"}}"#, soon())?;
    guest.console_shows("reboot: System halted", soon())
}

#[test]
fn a_mode_that_is_none_is_refused_and_the_guest_goes_on() -> Result<()> {
    let Booted { mut agent, guest: _guest } = boot(Channel::Virtio)?;
    let reply = agent.request(r#"{"execute":"guest-shutdown","arguments":{"mode":"sleep"}}"#, soon())?.json()?;
    ensure!(reply["error"]["class"] == "GenericError", "{reply}");
    synchronise(&mut agent, 2)
}

#[test]
fn programs_are_asked_to_end_before_the_guest_goes_down() -> Result<()> {
    // The payload is an agent, too, which ends with SIGTERM and is not waited for any longer than that.
    let payload = |config: &mut nanoqga_testkit::qemu::Config| {
        config.append += " -v --payload=\"/init --method=unix-listen --path=/run/payload -v\"";
    };
    let Booted { mut agent, mut guest } = boot_with(Channel::Virtio, &[], payload)?;
    guest.console_shows("serving /run/payload", soon())?;
    let mut qmp = guest.qmp(soon())?;
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    qmp.event("SHUTDOWN", soon())?;
    ensure!(guest.wait(soon())?.success());
    ensure!(guest.console().contains("debug: asked to end"), "{}", guest.tails());
    Ok(())
}
