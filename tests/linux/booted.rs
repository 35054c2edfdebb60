//! Guests whose first process is the agent.

use anyhow::Result;
use tests::booted::synchronise;
use tests::{Booted, soon};
use xtask::guest::{Guest, PrivateFolder};
use xtask::linux::{self, Extra};
use xtask::machine::Channel;
use xtask::qemu::Config;

/// Boots a guest with nothing but the agent.
pub fn boot(channel: Channel) -> Result<Booted> {
    boot_with(channel, &[], |_| {})
}

/// Boots a guest with these files, after `adjust` has had its say.
pub fn boot_with(channel: Channel, extras: &[Extra<'_>], adjust: impl FnOnce(&mut Config)) -> Result<Booted> {
    // QEMU has read the file when the agent in it answers.
    let folder = PrivateFolder::new()?;
    let mut config = linux::config(channel, &folder.path().join("initramfs"), extras)?;
    adjust(&mut config);
    let mut guest = Guest::start(&config)?;
    linux::listens(&guest, channel, soon())?;
    let mut agent = guest.connect(soon())?;
    synchronise(&mut agent, 1)?;
    Ok(Booted { agent, guest })
}
