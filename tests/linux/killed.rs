//! Agents that are killed while they have file systems frozen.

use anyhow::{Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::qemu::Config;
use serde_json::json;
use tests::booted::resynchronise_after_another;
use tests::{Booted, soon};

use crate::filesystems::{attach, ext4, int};
use crate::freezing::{is_whole, is_written_to_again, load, thaws, throttle};
use crate::inside::{run, start};
use crate::other_init;

/// How often an agent is killed.
const ROUNDS: usize = 5;

/// Boots a guest where BusyBox starts the agent again that was killed, with an ext4 file system at /data.
fn with_respawned_agent(options: &str) -> Result<(Booted, PrivateFolder)> {
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("disk");
    ext4(&file)?;
    let adjust = |config: &mut Config| {
        attach(config, &file);
        config.channels.push(Channel::Com2);
    };
    let mut booted = other_init::boot_agent(&format!("/init {options}"), adjust)?;
    run(&mut booted.agent, "busybox mkdir -p /data /tmp && busybox mount -t ext4 /dev/vda /data")?;
    Ok((booted, folder))
}

/// Has a program wait for a word of the host on the serial line, and kill the agent then: nothing can be started while file systems
/// are frozen. First it waits for a condition, if there is one.
fn wait_to_kill(agent: &mut Client, guest: &Guest, condition: &str) -> Result<()> {
    let waiting = |guest: &Guest| guest.console().matches("waiting to kill").count();
    let before = waiting(guest);
    let script =
        format!("exec 3< /dev/ttyS1; {condition}; echo wait''ing to kill > /dev/console; read word <&3; kill -9 $PPID");
    start(agent, &script)?;
    if condition == NOTHING {
        soon().poll("the killer", || Ok((waiting(guest) > before).then_some(())))?;
    }
    Ok(())
}

const NOTHING: &str = "true";

/// Kills the agent; connects to the next.
fn kill(agent: Client, guest: &mut Guest) -> Result<Client> {
    let serving = |guest: &Guest| guest.console().matches("serving /dev/virtio-ports").count();
    let before = serving(guest);
    guest.connect_to(1, soon())?.send(b"now\n", soon())?;
    // QEMU stops reading from a host that sends to a port which is closed.
    drop(agent);
    soon().poll("the next agent", || Ok((serving(guest) > before).then_some(())))?;
    let mut agent = guest.connect(soon())?;
    resynchronise_after_another(&mut agent, 7)?;
    Ok(agent)
}

/// Freezes, and kills the agent when it has replied.
fn freeze_and_kill(mut agent: Client, guest: &mut Guest) -> Result<Client> {
    wait_to_kill(&mut agent, guest, NOTHING)?;
    ensure!(int(&mut agent, "guest-fsfreeze-freeze")? == 1);
    kill(agent, guest)
}

/// The load ends, the guest goes down, and nothing on its disk is to be repaired.
fn ends_whole(mut agent: Client, mut guest: Guest, disk: &PrivateFolder) -> Result<()> {
    let unmount = "echo > /tmp/over; until busybox umount /data; do busybox usleep 100000; done";
    run(&mut agent, unmount)?;
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    ensure!(guest.wait(soon())?.success());
    is_whole(&disk.path().join("disk"))
}

#[test]
fn what_killed_agents_have_frozen_is_thawed_by_the_next() -> Result<()> {
    let (Booted { mut agent, mut guest }, disk) = with_respawned_agent("-v")?;
    load(&mut agent, &["data"])?;
    for _ in 0..ROUNDS {
        agent = freeze_and_kill(agent, &mut guest)?;
        ensure!(agent.execute("guest-fsfreeze-status", json!({}), soon())? == "frozen");
        ensure!(int(&mut agent, "guest-fsfreeze-thaw")? == 1);
        is_written_to_again(&mut agent, &["data"])?;
    }
    ends_whole(agent, guest, &disk)
}

#[test]
fn what_a_killed_agent_has_frozen_is_thawed_in_time() -> Result<()> {
    let (Booted { mut agent, mut guest }, disk) = with_respawned_agent("-v --freeze-limit 2")?;
    load(&mut agent, &["data"])?;
    let mut agent = freeze_and_kill(agent, &mut guest)?;
    thaws(&mut agent)?;
    is_written_to_again(&mut agent, &["data"])?;
    ends_whole(agent, guest, &disk)
}

#[test]
fn what_an_agent_was_killed_in_freezing_is_not_left_frozen() -> Result<()> {
    let (Booted { mut agent, mut guest }, disk) = with_respawned_agent("-v")?;
    throttle(&mut guest, 1)?;
    // A program that writes more than may wait for the disk: the freeze waits until it has written its piece.
    let writes = "echo 1000000 > /proc/sys/vm/dirty_bytes; exec busybox dd if=/dev/zero of=/data/big bs=4M count=2";
    let writer = start(&mut agent, writes)?;
    let is_held = format!("busybox grep State: /proc/{writer}/status");
    soon().poll("a writer that the disk holds", || Ok(run(&mut agent, &is_held)?.contains('D').then_some(())))?;
    wait_to_kill(&mut agent, &guest, "until busybox test -e /run/qga.state.isfrozen; do busybox usleep 10000; done")?;
    agent.send(br#"{"execute":"guest-fsfreeze-freeze"}"#, soon())?;
    guest.console_shows("waiting to kill", soon())?;
    let mut agent = kill(agent, &mut guest)?;
    // Nobody can thaw what is only on its way to be frozen.
    agent.send(br#"{"execute":"guest-fsfreeze-thaw"}{"execute":"guest-ping"}"#, soon())?;
    let reply = agent.line(soon())?;
    ensure!(reply.windows(18).any(|text| text == b"still being thawed"), "{}", reply.escape_ascii());
    ensure!(agent.line(soon())?.starts_with(br#"{"return": {}}"#));
    throttle(&mut guest, 0)?;
    thaws(&mut agent)?;
    run(&mut agent, "echo written > /data/file && busybox sync")?;
    ends_whole(agent, guest, &disk)
}
