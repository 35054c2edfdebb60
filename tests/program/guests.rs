//! Images under QEMU: the program is their only host, from their first instruction on.

use anyhow::{Result, ensure};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use serde_json::json;
use tests::booted::{config, config_of};
use tests::images::APPLIANCE;
use tests::soon;

use crate::run::{Said, run};

/// A guest that has just been started, and the way to its agent.
struct Started {
    guest: Guest,
    socket: String,
}

impl Started {
    fn new(config: &nanoqga_testkit::qemu::Config) -> Result<Self> {
        let guest = Guest::start(config)?;
        let socket = guest.folder().join("agent0.sock");
        soon().poll("QEMU's socket", || Ok(socket.exists().then_some(())))?;
        Ok(Self { guest, socket: socket.display().to_string() })
    }

    fn nanoqga(&self, arguments: &[&str]) -> Result<Said> {
        run(&[&["--socket", &self.socket], arguments].concat())
    }
}

fn is_asked_and_goes_down(channel: Channel) -> Result<()> {
    let mut started = Started::new(&config("q35", channel)?)?;
    started.nanoqga(&["ping"])?.ok()?;
    let said = started.nanoqga(&["info"])?.ok()?;
    ensure!(said.stdout.contains("\nsystem       nanoqga "), "{said:?}");
    started.nanoqga(&["push", "/dev/null", "/file"])?.failed(125, "guest-file-open has not been found")?;
    started.nanoqga(&["exec", "true"])?.failed(125, "guest-exec has not been found")?;
    let said = started.nanoqga(&["shutdown", "--json"])?.ok()?;
    ensure!(said.json()? == json!({"mode": "powerdown", "guest": "gone"}), "{said:?}");
    let status = started.guest.wait(soon())?;
    ensure!(status.success(), "{status}");
    Ok(())
}

#[test]
fn a_guest_is_asked_while_it_boots_and_switched_off() -> Result<()> {
    is_asked_and_goes_down(Channel::Virtio)
}

#[test]
fn so_is_one_behind_a_serial_line() -> Result<()> {
    is_asked_and_goes_down(Channel::Com2)
}

#[test]
fn a_file_goes_into_the_appliance_and_back_in_pieces_that_it_takes() -> Result<()> {
    let started = Started::new(&config_of(&APPLIANCE, "q35", Channel::Virtio)?)?;
    let folder = nanoqga_testkit::folder::PrivateFolder::new()?;
    let [original, back] = ["original", "back"].map(|name| folder.path().join(name));
    let content: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).take(300_000).collect();
    std::fs::write(&original, &content)?;
    started.nanoqga(&["push", &original.display().to_string(), "/original"])?.ok()?;
    started.nanoqga(&["pull", "/original", &back.display().to_string()])?.ok()?;
    ensure!(std::fs::read(&back)? == content, "the bytes differ");
    Ok(())
}

#[test]
fn a_guest_that_qemu_is_killed_under_is_lost() -> Result<()> {
    let mut started = Started::new(&config("q35", Channel::Virtio)?)?;
    started.nanoqga(&["ping"])?.ok()?;
    let mut qmp = started.guest.qmp(soon())?;
    // A request that a stopped guest does not answer, until it is gone.
    qmp.execute("stop", json!({}), soon())?;
    let mut waits = crate::run::Killed(crate::run::command(&["--socket", &started.socket, "ping"])?.spawn()?);
    soon().poll("a host on the channel", || {
        let all = qmp.execute("query-chardev", json!({}), soon())?;
        let there = |chardev: &serde_json::Value| {
            chardev["label"] == "agent0"
                && chardev["filename"].as_str().is_some_and(|name| !name.starts_with("disconnected:"))
        };
        Ok(all.as_array().is_some_and(|all| all.iter().any(there)).then_some(()))
    })?;
    drop(started);
    let status = soon().poll("the end of the program", || Ok(waits.0.try_wait()?))?;
    ensure!(status.code() == Some(255), "{status}");
    Ok(())
}
