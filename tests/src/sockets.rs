//! Guests with a virtio socket device.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use nanoqga_testkit::process::find;
use nanoqga_testkit::qemu::Config;
use nanoqga_testkit::vsock::SocketDevice;

use crate::booted::{config_of, soon};
use crate::images::APPLIANCE;

/// The agent's port.
pub const PORT: u32 = 1234;

/// The guest's context ID.
pub const CID: u32 = 42;

/// How often it is tried again to connect.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// A guest and its socket device.
#[derive(Debug)]
pub struct Vsock {
    /// The guest under QEMU.
    pub guest: Guest,
    /// The device, and those of other guests that may connect.
    pub device: SocketDevice,
    /// What the guest's console shows when it listens.
    ready: &'static str,
}

impl Vsock {
    /// The appliance on a machine, with `words` on its command line and the given channels besides.
    ///
    /// # Errors
    /// When QEMU or the device does not start.
    pub fn boot(machine: &str, words: &str, others: &[Channel], adjust: impl FnOnce(&mut Config)) -> Result<Self> {
        Self::boot_beside(&[], machine, words, others, adjust)
    }

    /// The same beside other guests, known by their context IDs, which may connect to it.
    ///
    /// # Errors
    /// When QEMU or the device does not start.
    pub fn boot_beside(
        guests: &[u32],
        machine: &str,
        words: &str,
        others: &[Channel],
        adjust: impl FnOnce(&mut Config),
    ) -> Result<Self> {
        let mut config = config_of(&APPLIANCE, machine, Channel::Virtio)?;
        config.channels = others.to_vec();
        config.append = words.into();
        config.memory_kib = 32 << 10;
        adjust(&mut config);
        Self::start_beside(guests, config, "context ID 42")
    }

    /// A guest that shows `ready` on its console when it listens.
    ///
    /// # Errors
    /// When QEMU or the device does not start.
    pub fn start(config: Config, ready: &'static str) -> Result<Self> {
        Self::start_beside(&[], config, ready)
    }

    fn start_beside(guests: &[u32], mut config: Config, ready: &'static str) -> Result<Self> {
        let device = SocketDevice::start(&program()?, &[&[CID], guests].concat(), soon())?;
        device.attach(&mut config, CID);
        Ok(Self { guest: Guest::start(&config)?, device, ready })
    }

    /// Connects to the agent's port. Waits for a guest that boots.
    ///
    /// # Errors
    /// When the guest does not listen.
    pub fn connect(&self) -> Result<Client> {
        Ok(Client::over(self.stream()?))
    }

    /// The same, without a client.
    ///
    /// # Errors
    /// When the guest does not listen.
    pub fn stream(&self) -> Result<UnixStream> {
        self.listens()?;
        let what = format!(
            "nobody answers at port {PORT}; the guest says:\n{}\nThe device:\n{}",
            self.guest.tails(),
            self.device.said()
        );
        soon().poll_every(BETWEEN_TRIES, &what, || self.try_connect())
    }

    /// Waits until the guest listens. To connect before could stop the device.
    ///
    /// # Errors
    /// When it never does.
    pub fn listens(&self) -> Result<()> {
        self.guest.console_shows(self.ready, soon())
    }

    /// Connects as hosts of Firecracker do. `None` if the guest refuses.
    ///
    /// # Errors
    /// When the device is gone, or does not answer.
    pub fn try_connect(&self) -> Result<Option<UnixStream>> {
        self.device.connect(CID, PORT, soon().limit())
    }
}

/// Where `cargo xtask setup` has put vhost-device-vsock, or another one in PATH.
fn program() -> Result<PathBuf> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin/vhost-device-vsock");
    let found = ours.exists().then_some(ours).or_else(|| find("vhost-device-vsock"));
    found.context("vhost-device-vsock is not installed: `cargo xtask setup` installs it")
}
