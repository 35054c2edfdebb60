//! Freezing that hurts nobody: file systems on one another, mounts that are no file systems, hooks and hosts that fail, disks
//! that are busy, agents that are killed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use debian::linux::Extra;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::{Deadline, SOON};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::process::{find, output};
use serde_json::{Value, json};
use tests::booted::{resynchronise_after_another, synchronise};
use tests::{Booted, soon};

use crate::booted::boot_with;
use crate::filesystems::{attach, ext4, int};
use crate::inside::{busybox, refused, run, start};

/// Boots a guest with an ext4 file system on a disk, mounted at /data. The folder keeps the disk.
fn with_disk(append: &str, extras: Vec<Extra<'_>>) -> Result<(Booted, PrivateFolder)> {
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("disk");
    ext4(&file)?;
    let extras: Vec<_> = extras.into_iter().chain([busybox()?]).collect();
    let mut booted = boot_with(Channel::Virtio, &extras, |config| {
        attach(config, &file);
        config.append += append;
    })?;
    run(&mut booted.agent, "busybox mkdir /data && busybox mount -t ext4 /dev/vda /data")?;
    Ok((booted, folder))
}

/// A file in /data that is a disk with a file system, mounted at /loop, and something that is not written yet in both.
const NESTED: &str = "cd /data && busybox dd if=/dev/zero of=inner bs=1M count=4 && busybox mke2fs -F inner && \
    busybox mkdir /loop && busybox mount -o loop -t ext4 inner /loop && \
    busybox dd if=/dev/zero of=/loop/dirty bs=1k count=500 && busybox dd if=/dev/zero of=dirty bs=1k count=500";

/// Freezes, and thaws again; both count the same. What was written to before can be written to after.
fn freezes(agent: &mut Client, expected: i64, places: &str) -> Result<()> {
    let frozen = int(agent, "guest-fsfreeze-freeze")?;
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "frozen");
    let thawed = int(agent, "guest-fsfreeze-thaw")?;
    ensure!((frozen, thawed) == (expected, expected), "{frozen} frozen, {thawed} thawed");
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "thawed");
    run(agent, &format!("for place in {places}; do echo written > $place/file && busybox sync; done")).map(drop)
}

#[test]
fn a_file_system_in_a_file_freezes_before_the_one_that_has_the_file() -> Result<()> {
    let (Booted { mut agent, guest: _guest }, _disk) = with_disk("", Vec::new())?;
    run(&mut agent, NESTED)?;
    freezes(&mut agent, 2, "/data /loop").context("as mounted")?;
    // Only the later mount is left, which is listed after the one that lies in it.
    run(&mut agent, "busybox mkdir /later && busybox mount --bind /data /later")?;
    freezes(&mut agent, 2, "/data /loop").context("with a bind mount")?;
    run(&mut agent, "echo dirty > /data/dirty; echo dirty > /loop/dirty; busybox umount -l /data")?;
    freezes(&mut agent, 2, "/later /loop").context("with a bind mount that is left")?;
    run(&mut agent, "echo dirty > /later/dirty; echo dirty > /loop/dirty; busybox umount -l /later")?;
    freezes(&mut agent, 1, "/loop").context("with a base that no path leads to")
}

#[test]
fn a_file_system_is_one_however_often_and_in_parts_it_is_mounted() -> Result<()> {
    let (Booted { mut agent, guest: _guest }, _disk) = with_disk("", Vec::new())?;
    run(
        &mut agent,
        "cd /data && echo > file && busybox mkdir folder && busybox mknod null c 1 3 && busybox mkfifo fifo && \
         for name in file null fifo; do echo > /tmp/$name; busybox mount --bind $name /tmp/$name; done && \
         for name in 1 2 3 4 5 6; do busybox mkdir /tmp/$name; busybox mount -t ext4 /dev/vda /tmp/$name; done && \
         busybox mkdir /tmp/part && busybox mount --bind folder /tmp/part && cd / && busybox umount /data",
    )?;
    let told = agent.execute("guest-get-fsinfo", json!({}), soon())?;
    ensure!(told.as_array().is_some_and(|told| told.len() == 1) && told[0]["mountpoint"] == "/tmp/1", "{told}");
    let trimmed = agent.execute("guest-fstrim", json!({}), soon())?;
    ensure!(trimmed["paths"].as_array().is_some_and(|paths| paths.len() == 1), "{trimmed}");
    freezes(&mut agent, 1, "/tmp/1")?;
    // Every path of a mount names it.
    for (path, expected) in [("/tmp/part", 1), ("/tmp/6", 1), ("/tmp/null", 1), ("/data", 0)] {
        let list = json!({"mountpoints": [path]});
        let frozen = agent.execute("guest-fsfreeze-freeze-list", list, soon())?;
        ensure!(frozen == expected, "{path}: {frozen}");
        ensure!(int(&mut agent, "guest-fsfreeze-thaw")? == expected);
    }
    // Only parts of it that are no folders are left, and one that another mount hides.
    run(
        &mut agent,
        "for name in 1 2 3 4 5 6; do busybox umount /tmp/$name; done; busybox mount -t tmpfs none /tmp/part",
    )?;
    freezes(&mut agent, 1, "")
}

fn hook(script: &str) -> Vec<Extra<'static>> {
    let content = format!("#!/bin/busybox sh\n{script}\n").into();
    Vec::from([Extra { path: "/hook", mode: 0o755, content }])
}

#[test]
fn a_hook_that_fails_on_thaw_leaves_nothing_frozen() -> Result<()> {
    let script = "if test $1 = thaw; then echo no database >&2; exit 3; fi";
    let (Booted { mut agent, guest: _guest }, _disk) = with_disk(" --fsfreeze-hook=/hook", hook(script))?;
    ensure!(int(&mut agent, "guest-fsfreeze-freeze")? == 1);
    let text = refused(&mut agent, "guest-fsfreeze-thaw", &json!({}))?;
    ensure!(text == "child process has failed to execute fsfreeze hook: exit status 3: no database", "{text}");
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "thawed");
    run(&mut agent, "echo written > /data/file && busybox sync").map(drop)
}

#[test]
fn a_hook_that_never_ends_is_ended_by_the_limit() -> Result<()> {
    let (Booted { mut agent, guest: _guest }, _disk) = with_disk(
        " --fsfreeze-hook=/hook --freeze-limit=1",
        hook("echo waiting; while true; do busybox sleep 1; done"),
    )?;
    let text = refused(&mut agent, "guest-fsfreeze-freeze", &json!({}))?;
    let expected = "child process has failed to execute fsfreeze hook: not done after 1 seconds: waiting";
    ensure!(text == expected, "{text}");
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "thawed");
    Ok(())
}

/// Waits until the agent says that nothing is frozen.
pub fn thaws(agent: &mut Client) -> Result<()> {
    soon()
        .poll("the thaw", || Ok((agent.execute("guest-fsfreeze-status", json!({}), soon())? == "thawed").then_some(())))
}

#[test]
fn a_host_that_never_thaws_is_not_waited_for() -> Result<()> {
    let (Booted { mut agent, guest }, _disk) = with_disk(" --freeze-limit=1", Vec::new())?;
    ensure!(int(&mut agent, "guest-fsfreeze-freeze")? == 1);
    thaws(&mut agent)?;
    guest.console_shows("1 file systems were frozen for 1 seconds: they are thawed", soon())?;
    run(&mut agent, "echo written > /data/file && busybox sync")?;
    // The host's copy may be of no use, and it is told once.
    let text = refused(&mut agent, "guest-fsfreeze-thaw", &json!({}))?;
    ensure!(text.contains("time limit"), "{text}");
    ensure!(int(&mut agent, "guest-fsfreeze-thaw")? == 0);
    // The limit is another freeze's again.
    ensure!(int(&mut agent, "guest-fsfreeze-freeze")? == 1);
    ensure!(int(&mut agent, "guest-fsfreeze-thaw")? == 1);
    Ok(())
}

/// Has the guest's first disk write this many bytes a second; 0 is as many as it can.
pub fn throttle(guest: &mut Guest, bytes: u64) -> Result<()> {
    let mut qmp = guest.qmp(soon())?;
    let blocks = qmp.execute("query-block", json!({}), soon())?;
    let device = blocks[0]["device"].as_str().context("no disk")?;
    let none = json!({"device": device, "bps": 0, "bps_rd": 0, "bps_wr": bytes, "iops": 0, "iops_rd": 0, "iops_wr": 0});
    qmp.execute("block_set_io_throttle", none, soon()).map(drop)
}

#[test]
fn the_agent_answers_while_a_busy_disk_keeps_a_freeze_waiting() -> Result<()> {
    let (Booted { mut agent, mut guest }, _disk) = with_disk("", Vec::new())?;
    throttle(&mut guest, 1)?;
    let dirty = "busybox dd if=/dev/zero of=/data/dirty bs=64k count=32";
    run(&mut agent, dirty)?;
    // The process that freezes has the agent's name, and waits for the disk in the state D. A thaw before that calls it off.
    start(
        &mut agent,
        "until busybox cat /proc/[0-9]*/stat | busybox grep -q '(init) D'; do busybox usleep 10000; done; echo be''gun > /dev/console",
    )?;
    agent.send(br#"{"execute":"guest-fsfreeze-freeze"}"#, soon())?;
    guest.console_shows("begun", soon())?;
    // Who asks for something else does not wait for the freeze any more. Its reply comes first.
    let reply: Value = agent.request(r#"{"execute":"guest-ping"}"#, soon())?.json()?;
    ensure!(reply["error"]["desc"] == "file systems are still being frozen", "{reply}");
    ensure!(agent.line(soon())?.starts_with(br#"{"return": {}}"#));
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "frozen");
    synchronise(&mut agent, 5)?;
    let text = refused(&mut agent, "guest-fsfreeze-thaw", &json!({})).with_context(|| guest.tails())?;
    ensure!(text == "file systems are still being frozen", "{text}");
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "frozen");
    // When the disk has written all, what was frozen is thawed without another word.
    throttle(&mut guest, 0)?;
    thaws(&mut agent)?;
    run(&mut agent, "echo written > /data/file && busybox sync")?;
    freezes(&mut agent, 1, "/data")
}

#[test]
fn a_request_that_came_with_a_freeze_is_answered_while_that_waits() -> Result<()> {
    let (Booted { mut agent, mut guest }, _disk) = with_disk("", Vec::new())?;
    throttle(&mut guest, 1)?;
    run(&mut agent, "busybox dd if=/dev/zero of=/data/dirty bs=64k count=32")?;
    agent.send(br#"{"execute":"guest-fsfreeze-freeze"}{"execute":"guest-ping"}"#, soon())?;
    let line = agent.line(soon())?;
    ensure!(String::from_utf8_lossy(&line).contains("still being frozen"), "{}", line.escape_ascii());
    ensure!(agent.line(soon())?.starts_with(br#"{"return": {}}"#));
    throttle(&mut guest, 0)?;
    // It may come before the freeze is done.
    agent.request(r#"{"execute":"guest-fsfreeze-thaw"}"#, soon())?;
    thaws(&mut agent)?;
    // One that has not to wait is done before the next request.
    agent.send(br#"{"execute":"guest-fsfreeze-freeze"}{"execute":"guest-fsfreeze-thaw"}"#, soon())?;
    for _ in 0..2 {
        ensure!(agent.line(soon())?.starts_with(br#"{"return": 1}"#));
    }
    Ok(())
}

#[test]
fn other_file_systems_are_thawed_while_one_keeps_a_freeze_waiting() -> Result<()> {
    let (Booted { mut agent, mut guest }, _disk) = with_disk("", Vec::new())?;
    run(
        &mut agent,
        "busybox dd if=/dev/zero of=/tmp/disk bs=1M count=4 && busybox mke2fs -F /tmp/disk && busybox mkdir /other && \
         busybox mount -o loop -t ext4 /tmp/disk /other",
    )?;
    throttle(&mut guest, 1)?;
    run(&mut agent, "busybox dd if=/dev/zero of=/data/dirty bs=64k count=32")?;
    start(
        &mut agent,
        "seen=; until busybox test $seen; do busybox usleep 10000; for process in /proc/[0-9]*; do \
             read -r number fd command rest < $process/syscall; \
             if busybox test $number = 16 -a $command = 0xc0045877; then \
                 if busybox test $(busybox readlink $process/fd/$((fd))) = /data; then seen=yes; fi; \
             fi; \
         done; done 2> /dev/null; echo be''gun > /dev/console; while true; do echo line > /other/file; echo writ''ten > /dev/console; \
         busybox usleep 50000; done",
    )?;
    agent.send(br#"{"execute":"guest-fsfreeze-freeze"}"#, soon())?;
    // /data is on its way (ioctl FIFREEZE). The other one was mounted last, so it is frozen.
    guest.console_shows("begun", soon())?;
    let text = refused(&mut agent, "guest-fsfreeze-thaw", &json!({}))?;
    ensure!(text == "file systems are still being frozen", "{text}");
    let lines = || guest.console().matches("written").count();
    ensure!(lines() <= 1, "it was not frozen");
    let line = agent.line(soon())?;
    ensure!(String::from_utf8_lossy(&line).contains("still being frozen"), "{}", line.escape_ascii());
    soon().poll("the writer", || Ok((lines() > 1).then_some(())))?;
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "frozen");
    throttle(&mut guest, 0)?;
    thaws(&mut agent)?;
    run(&mut agent, "echo written > /data/file && busybox sync").map(drop)
}

#[test]
fn a_freeze_goes_on_when_its_host_leaves() -> Result<()> {
    let (Booted { mut agent, mut guest }, _disk) = with_disk(" --freeze-limit=1", Vec::new())?;
    agent.send(br#"{"execute":"guest-fsfreeze-freeze"}"#, soon())?;
    drop(agent);
    guest.console_shows("1 file systems were frozen for 1 seconds: they are thawed", soon())?;
    let mut agent = guest.connect(soon())?;
    resynchronise_after_another(&mut agent, 2)?;
    run(&mut agent, "echo written > /data/file && busybox sync").map(drop)
}

#[test]
fn a_thaw_needs_no_list_of_the_mounts() -> Result<()> {
    let (Booted { mut agent, guest }, _disk) = with_disk("", Vec::new())?;
    let name = "x".repeat(200);
    // While it is frozen: names of four folders each, of 200 bytes.
    start(
        &mut agent,
        &format!(
            "cd /tmp; place=/tmp; for level in 1 2 3 4; do place=$place/{name}; busybox mkdir $place; done; cd $place; \
             until busybox test -e /run/qga.state.isfrozen; do busybox usleep 10000; done; number=0; \
             while busybox test $number -lt 5200; do busybox mkdir $number; busybox mount --bind /tmp $number; \
             number=$((number + 1)); done; echo all are moun''ted > /dev/console"
        ),
    )?;
    ensure!(int(&mut agent, "guest-fsfreeze-freeze")? == 1);
    guest.console_shows("all are mounted", Deadline::seconds(600))?;
    ensure!(int(&mut agent, "guest-fsfreeze-thaw")? == 1);
    // More than 4 MiB of mounts before the freeze.
    let size: u64 = run(&mut agent, "busybox wc -c < /proc/self/mountinfo")?.trim().parse()?;
    ensure!(size > 4 << 20, "{size} bytes");
    freezes(&mut agent, 1, "/data")?;
    let told = agent.execute("guest-get-fsinfo", json!({}), soon())?;
    ensure!(told.as_array().is_some_and(|told| told.len() == 1), "{told}");
    Ok(())
}

#[test]
fn a_frozen_state_of_another_boot_is_none() -> Result<()> {
    let mark =
        Extra { path: "/etc/qga.state.isfrozen", mode: 0o600, content: b"7d1c8c2e-5b57-4c0c-9d5c-2a0a52e7b3a1".into() };
    let (Booted { mut agent, guest: _guest }, _disk) = with_disk(" --statedir=/etc", Vec::from([mark]))?;
    ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "thawed");
    freezes(&mut agent, 1, "/data")
}

/// Has files come, grow and go in these folders of /, until there is /tmp/over.
pub fn load(agent: &mut Client, places: &[&str]) -> Result<()> {
    let load = "cd /$0; while ! busybox test -e /tmp/over; do for name in 1 2 3 4 5 6 7 8; do \
                busybox dd if=/dev/zero of=$name bs=4k count=$name; busybox mv $name old$name; done; \
                busybox rm old2 old4; echo $0 > /tmp/alive-$0; done > /dev/null 2>&1";
    for place in places {
        let arguments = json!({"path": "/bin/busybox", "arg": ["sh", "-c", load, place]});
        agent.execute("guest-exec", arguments, soon())?;
    }
    Ok(())
}

/// Waits until that load has gone on in each of them.
pub fn is_written_to_again(agent: &mut Client, places: &[&str]) -> Result<()> {
    let alive: Vec<_> = places.iter().map(|place| format!("alive-{place}")).collect();
    run(agent, &format!("cd /tmp && busybox rm -f {}", alive.join(" ")))?;
    soon().poll("all writers", || {
        let there = run(agent, "busybox ls /tmp")?;
        Ok(alive.iter().all(|alive| there.contains(alive)).then_some(()))
    })
}

/// Nothing on a disk that nobody uses is to be repaired.
pub fn is_whole(disk: &Path) -> Result<()> {
    let check = find("e2fsck").unwrap_or_else(|| "e2fsck".into());
    output(Command::new(check).arg("-fn").arg(disk), SOON).map(drop)
}

/// How often file systems are frozen under load.
const ROUNDS: usize = 100;

#[test]
fn a_hundred_freezes_under_load_leave_file_systems_whole() -> Result<()> {
    let (Booted { mut agent, mut guest }, disk) = with_disk("", Vec::new())?;
    run(&mut agent, NESTED)?;
    load(&mut agent, &["data", "loop"])?;
    for round in 0..ROUNDS {
        if round % 10 == 9 {
            // A host that leaves without its reply; the next one thaws whatever there is.
            agent.send(br#"{"execute":"guest-fsfreeze-freeze"}"#, soon())?;
            drop(agent);
            agent = guest.connect(soon())?;
            resynchronise_after_another(&mut agent, 2)?;
            int(&mut agent, "guest-fsfreeze-thaw")?;
            continue;
        }
        let (frozen, thawed) = (int(&mut agent, "guest-fsfreeze-freeze")?, int(&mut agent, "guest-fsfreeze-thaw")?);
        ensure!((frozen, thawed) == (2, 2), "round {round}: {frozen} frozen, {thawed} thawed");
    }
    is_written_to_again(&mut agent, &["data", "loop"])?;
    run(&mut agent, "echo > /tmp/over")?;
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    ensure!(guest.wait(soon())?.success());
    is_whole(&disk.path().join("disk"))
}
