//! Guests whose first process is the agent.

use anyhow::Result;
use debian::linux::{self, Extra};
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::qemu::Config;
use serde_json::json;
use tests::Booted;
use tests::images::linux_agent;

/// How many seconds a Linux guest may take to boot where several are emulated at once.
const BOOT: u64 = 120;

/// Boots a guest with nothing but the agent.
pub fn boot(channel: Channel) -> Result<Booted> {
    boot_with(channel, &[], |_| {})
}

/// Boots a guest with these files, after `adjust` has had its say.
pub fn boot_with(channel: Channel, extras: &[Extra<'_>], adjust: impl FnOnce(&mut Config)) -> Result<Booted> {
    // QEMU has read the file when the agent in it answers.
    let folder = PrivateFolder::new()?;
    let mut config = linux::config(&linux_agent()?, channel, &folder.path().join("initramfs"), extras)?;
    adjust(&mut config);
    let mut guest = Guest::start(&config)?;
    let booted = Deadline::seconds(BOOT);
    linux::listens(&guest, channel, booted)?;
    let mut agent = guest.connect(booted)?;
    agent.execute("guest-sync", json!({"id": 1}), booted)?;
    Ok(Booted { agent, guest })
}
