//! What is seen of guests from outside: how they end, their states, and what is in them.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Result, ensure};
use nanoqga_testkit::elf::Elf;
use nanoqga_testkit::exit::Exit;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::qemu::Config;
use nanoqga_testkit::{inspection, snapshot};
use serde_json::json;
use tests::booted::synchronise;
use tests::images::NANO;
use tests::{image, soon};

fn started(adjust: impl FnOnce(&mut Config)) -> Result<Guest> {
    let machine = Machine::named("q35")?;
    let mut config = Config::new(machine, Channel::Virtio, &image(machine, &NANO)?);
    config.watched = true;
    adjust(&mut config);
    Guest::start(&config)
}

#[test]
fn a_guest_ends_as_it_was_told_to() -> Result<()> {
    for (mode, exit) in [("powerdown", Exit::PoweredOff), ("reboot", Exit::Reset)] {
        let mut guest = started(|_| {})?;
        let mut events = guest.events(soon())?;
        let mut agent = guest.connect(soon())?;
        synchronise(&mut agent, 1)?;
        agent.send(json!({"execute": "guest-shutdown", "arguments": {"mode": mode}}).to_string().as_bytes(), soon())?;
        ensure!(Exit::of(&mut events, soon())? == exit);
        // It is still there to be looked at.
        ensure!(inspection::status(&mut guest.qmp(soon())?, soon())? == "shutdown");
    }
    let mut guest = started(|_| {})?;
    let mut events = guest.events(soon())?;
    guest.qmp(soon())?.execute("quit", json!({}), soon())?;
    ensure!(Exit::of(&mut events, soon())? == Exit::Killed);
    Ok(())
}

#[test]
fn a_guest_goes_back_to_where_it_was() -> Result<()> {
    let mut guest = started(|config| config.snapshots = true)?;
    let mut agent = guest.connect(soon())?;
    synchronise(&mut agent, 1)?;
    let mut qmp = guest.qmp(soon())?;
    snapshot::save(&mut qmp, "here", soon())?;
    for id in 2..5 {
        agent.execute("guest-ping", json!({}), soon())?;
        snapshot::restore(&mut qmp, "here", soon())?;
        synchronise(&mut agent, id)?;
    }
    let error = snapshot::restore(&mut qmp, "nowhere", soon()).unwrap_err().to_string();
    ensure!(error.contains("nowhere"), "{error}");
    Ok(())
}

#[test]
fn debuggers_get_a_core_and_a_way_in() -> Result<()> {
    let mut guest = started(|_| {})?;
    let mut agent = guest.connect(soon())?;
    synchronise(&mut agent, 1)?;
    let mut qmp = guest.qmp(soon())?;
    let registers = inspection::registers(&mut qmp, None::<&Elf>, soon())?;
    ensure!(registers.contains("RIP=") && !registers.contains("XMM"), "{registers}");

    let core = guest.folder().join("core");
    inspection::core(&mut qmp, &core, soon())?;
    ensure!(fs::read(&core)?.starts_with(b"\x7fELF"));

    let socket = guest.folder().join("gdb.sock");
    inspection::debugger(&mut qmp, &socket, soon())?;
    let mut debugger = UnixStream::connect(&socket)?;
    debugger.set_read_timeout(soon().remaining())?;
    // Which thread is current. It may first be told that the guest stands still.
    debugger.write_all(b"$qC#b4")?;
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !said.ends_with(b"$QC") {
        debugger.read_exact(&mut byte)?;
        said.extend(byte);
    }
    Ok(())
}
