//! Agents that are killed while they have file systems frozen.

use anyhow::{Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::qemu::Config;
use serde_json::json;
use tests::booted::resynchronise_after_another;
use tests::{Booted, soon};

use crate::filesystems::{attach, ext4, int};
use crate::freezing::{is_whole, is_written_to_again, load, thaws};
use crate::inside::{run, start};
use crate::other_init;

/// How often an agent is killed.
const ROUNDS: usize = 5;

/// Boots a guest where BusyBox starts the agent again that was killed, with an ext4 file system at /data that is written to.
fn with_respawned_agent(options: &str) -> Result<(Booted, PrivateFolder)> {
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("disk");
    ext4(&file)?;
    let adjust = |config: &mut Config| attach(config, &file);
    let mut booted = other_init::boot_agent(&format!("/init {options}"), adjust)?;
    run(&mut booted.agent, "busybox mkdir -p /data /tmp && busybox mount -t ext4 /dev/vda /data")?;
    load(&mut booted.agent, &["data"])?;
    Ok((booted, folder))
}

/// Freezes, and kills the agent when it has replied.
fn freeze_and_kill(mut agent: Client, guest: &mut Guest) -> Result<Client> {
    // Nothing can be started while file systems are frozen.
    start(
        &mut agent,
        "until busybox test -e /run/qga.state.isfrozen; do busybox usleep 10000; done; busybox usleep 500000; \
         busybox kill -9 $PPID",
    )?;
    ensure!(int(&mut agent, "guest-fsfreeze-freeze")? == 1);
    // QEMU stops reading from a host that sends to a port which is closed.
    drop(agent);
    let serving = |guest: &Guest| guest.console().matches("serving /dev/virtio-ports").count();
    let before = serving(guest);
    soon().poll("the next agent", || Ok((serving(guest) > before).then_some(())))?;
    let mut agent = guest.connect(soon())?;
    resynchronise_after_another(&mut agent, 7)?;
    Ok(agent)
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
    let (Booted { agent, mut guest }, disk) = with_respawned_agent("-v --freeze-limit 2")?;
    let mut agent = freeze_and_kill(agent, &mut guest)?;
    thaws(&mut agent)?;
    is_written_to_again(&mut agent, &["data"])?;
    ends_whole(agent, guest, &disk)
}
