//! File systems in a guest: frozen, thawed, trimmed, and clean when the guest has gone down.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use debian::linux::Extra;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::process::{find, output};
use nanoqga_testkit::qemu::Config;
use serde_json::json;
use tests::{Booted, soon};

use crate::booted::boot_with;
use crate::inside::{busybox, finish, refused, run, start};

/// How long a frozen file system is watched.
const FROZEN: Duration = Duration::from_secs(4);

/// Makes an empty ext4 file system in a file.
pub fn ext4(path: &Path) -> Result<()> {
    File::create(path)?.set_len(16 << 20)?;
    let program = find("mkfs.ext4").unwrap_or_else(|| "mkfs.ext4".into());
    output(Command::new(program).arg("-q").arg(path), SOON)?;
    Ok(())
}

/// Gives a guest a disk with this content.
pub fn attach(config: &mut Config, file: &Path) {
    config.disk(&format!("file={},format=raw", file.display()), "");
}

/// Boots a guest with an ext4 file system on a loop device, mounted at /mnt.
fn with_loop() -> Result<Booted> {
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("disk");
    ext4(&file)?;
    let disk = Extra { path: "/disk", mode: 0o644, content: fs::read(&file)? };
    let mut booted = boot_with(Channel::Virtio, &[busybox()?, disk], |config| config.memory_kib = 160 << 10)?;
    // In a tmpfs a discarded block is one less.
    run(&mut booted.agent, "cd /tmp && busybox cp /disk . && busybox mount -o loop -t ext4 disk /mnt")?;
    Ok(booted)
}

/// What a command without arguments returns, a number.
pub fn int(agent: &mut Client, command: &str) -> Result<i64> {
    let returned = agent.execute(command, json!({}), soon())?;
    returned.as_i64().ok_or_else(|| anyhow::anyhow!("{command} returned {returned}"))
}

/// A hook says on the console what it was called with, and fails where there is a file of that name.
#[test]
fn the_hook_runs_before_a_freeze_and_after_a_thaw() -> Result<()> {
    let script = "#!/bin/busybox sh\necho hook: $1 > /dev/console\n! /bin/busybox test -e /tmp/$1\n";
    let hook = Extra { path: "/hook", mode: 0o755, content: script.into() };
    let Booted { mut agent, guest } =
        boot_with(Channel::Virtio, &[busybox()?, hook], |config| config.append += " --fsfreeze-hook=/hook")?;
    // The first root file system cannot be frozen: there is nothing else.
    ensure!(int(&mut agent, "guest-fsfreeze-freeze")? == 0);
    guest.console_shows("hook: freeze", soon())?;
    ensure!(int(&mut agent, "guest-fsfreeze-thaw")? == 0);
    guest.console_shows("hook: thaw", soon())?;
    run(&mut agent, "echo > /tmp/freeze")?;
    let text = refused(&mut agent, "guest-fsfreeze-freeze", &json!({}))?;
    ensure!(text == "child process has failed to execute fsfreeze hook: exit status 1", "{text}");
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "thawed");
    Ok(())
}

#[test]
fn a_frozen_file_system_holds_writes_back_until_it_is_thawed() -> Result<()> {
    let Booted { mut agent, guest } = with_loop()?;
    // Nothing can be started while it is frozen: so it is written to from before until after.
    let writes = "until busybox test -e /tmp/over; do \
                      echo kept >> /mnt/file; echo a line is writ''ten > /dev/console; busybox usleep 10000; \
                  done; busybox tail -n 1 /mnt/file";
    let writer = start(&mut agent, writes)?;
    let lines = || guest.console().matches("a line is written").count();
    soon().poll("a line in the file", || Ok((lines() > 0).then_some(())))?;
    ensure!(int(&mut agent, "guest-fsfreeze-freeze")? == 1);
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "frozen");
    let reply = agent.request(r#"{"execute":"guest-exec-status","arguments":{"pid":1}}"#, soon())?.json()?;
    ensure!(reply["error"]["class"] == "CommandNotFound", "{reply}");
    let info = agent.execute("guest-info", json!({}), soon())?;
    let commands = info["supported_commands"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(commands.iter().filter(|command| command["enabled"] == true).count() == 6, "{info}");
    let before = lines();
    thread::sleep(FROZEN); // no wait: the writer is watched for so long, and a busy host only sees less
    let after = lines();
    // The last one may have been in the file when that was frozen, and told later.
    ensure!(after <= before + 1, "{} lines were written while it was frozen", after - before);
    ensure!(int(&mut agent, "guest-fsfreeze-thaw")? == 1);
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "thawed");
    soon().poll("the writer going on", || Ok((lines() > after + 1).then_some(())))?;
    run(&mut agent, "echo > /tmp/over")?;
    ensure!(finish(&mut agent, writer)? == "kept\n");
    // Nothing is left to thaw, and it can be done again.
    ensure!(int(&mut agent, "guest-fsfreeze-thaw")? == 0);
    let list = json!({"mountpoints": ["/mnt"]});
    ensure!(agent.execute("guest-fsfreeze-freeze-list", list, soon())? == 1);
    ensure!(int(&mut agent, "guest-fsfreeze-thaw")? == 1);
    ensure!(agent.execute("guest-fsfreeze-freeze-list", json!({"mountpoints": ["/elsewhere"]}), soon())? == 0);
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "thawed");
    Ok(())
}

#[test]
fn a_file_system_is_trimmed() -> Result<()> {
    let Booted { mut agent, guest: _guest } = with_loop()?;
    let trimmed = agent.execute("guest-fstrim", json!({}), soon())?;
    let paths = trimmed["paths"].as_array().map_or(&[][..], Vec::as_slice);
    let mounted = paths.iter().find(|path| path["path"] == "/mnt");
    ensure!(mounted.is_some_and(|path| path["trimmed"].as_u64() > Some(1 << 20)), "{trimmed}");
    Ok(())
}

#[test]
fn a_file_system_is_told_with_its_disk() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("disk");
    ext4(&file)?;
    let mut booted = boot_with(Channel::Virtio, &[busybox()?], |config| attach(config, &file))?;
    run(&mut booted.agent, "busybox mount -t ext4 /dev/vda /mnt")?;
    let told = booted.agent.execute("guest-get-fsinfo", json!({}), soon())?;
    let [ref told] = told.as_array().map_or(&[][..], Vec::as_slice)[..] else { anyhow::bail!("{told}") };
    ensure!(told["name"] == "vda" && told["mountpoint"] == "/mnt" && told["type"] == "ext4", "{told}");
    ensure!(told["disk"][0]["bus-type"] == "virtio" && told["disk"][0]["dev"] == "/dev/vda", "{told}");
    let disks = booted.agent.execute("guest-get-disks", json!({}), soon())?;
    ensure!(disks.as_array().is_some_and(|disks| disks.iter().any(|disk| disk["name"] == "/dev/vda")), "{disks}");
    Ok(())
}

#[test]
fn file_systems_are_clean_when_the_guest_has_gone_down() -> Result<()> {
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("disk");
    ext4(&file)?;
    let Booted { mut agent, mut guest } = boot_with(Channel::Virtio, &[busybox()?], |config| attach(config, &file))?;
    // A name with a blank, and a program that does not end by itself and has a file open.
    run(&mut agent, "busybox mkdir '/tmp/two words' && busybox mount -t ext4 /dev/vda '/tmp/two words'")?;
    start(&mut agent, "trap '' TERM; exec 3> '/tmp/two words/open'; while true; do echo more >&3; done")?;
    run(&mut agent, "echo kept > '/tmp/two words/file'")?;
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    ensure!(guest.wait(soon())?.success());
    let dump = find("dumpe2fs").unwrap_or_else(|| "dumpe2fs".into());
    let state = output(Command::new(dump).arg("-h").arg(&file), SOON)?;
    ensure!(state.contains("clean") && !state.contains("needs_recovery"), "{state}{}", guest.tails());
    let debugfs = find("debugfs").unwrap_or_else(|| "debugfs".into());
    let kept = output(Command::new(debugfs).args(["-R", "cat /file"]).arg(&file), SOON)?;
    ensure!(kept == "kept\n", "{kept}");
    Ok(())
}
