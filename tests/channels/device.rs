//! A guest with a virtio socket device, which is vhost-device-vsock's: a process of its own that shares the guest's memory.

use std::fs::{self, File};
use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Bus, Channel};
use nanoqga_testkit::process::find;
use nanoqga_testkit::qemu::Config;
use tests::booted::config_of;
use tests::images::APPLIANCE;
use tests::soon;

/// The agent's port.
pub const PORT: u32 = 1234;

/// How often it is tried again to connect.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// A guest and its socket device.
pub struct Vsock {
    pub guest: Guest,
    device: Device,
    /// What the guest's console shows when it listens.
    ready: &'static str,
}

/// The device's process.
struct Device {
    process: Child,
    folder: PrivateFolder,
}

impl Vsock {
    /// The appliance on a machine, with `words` on its command line and the given channels besides.
    pub fn boot(machine: &str, words: &str, others: &[Channel], adjust: impl FnOnce(&mut Config)) -> Result<Self> {
        let mut config = config_of(&APPLIANCE, machine, Channel::Virtio)?;
        config.channels = others.to_vec();
        config.append = words.into();
        config.memory_kib = 32 << 10;
        adjust(&mut config);
        Self::start(config, "context ID 42")
    }

    /// A guest that shows `ready` on its console when it listens.
    pub fn start(mut config: Config, ready: &'static str) -> Result<Self> {
        let device = Device::start()?;
        let memory = format!("memory-backend-memfd,id=memory,size={}K,share=on", config.memory_kib);
        let kind = match config.machine.bus {
            Bus::Pci => "vhost-user-vsock-pci",
            Bus::Mmio => "vhost-user-vsock-device",
        };
        config
            .argument("-object", memory)
            .argument("-machine", "memory-backend=memory")
            .argument("-chardev", format!("socket,id=vsock,path={}", device.path("device").display()))
            .argument("-device", format!("{kind},chardev=vsock"));
        Ok(Self { guest: Guest::start(&config)?, device, ready })
    }

    /// Connects to the agent's port. Waits for a guest that boots.
    pub fn connect(&self) -> Result<Client> {
        Ok(Client::over(self.stream()?))
    }

    pub fn stream(&self) -> Result<UnixStream> {
        // vhost-device-vsock 0.3 does nothing more if somebody connects while QEMU sets its queues up.
        self.guest.console_shows(self.ready, soon())?;
        let what = format!(
            "nobody answers at port {PORT}; the guest says:\n{}\nThe device:\n{}",
            self.guest.tails(),
            self.device.said()
        );
        soon().poll_every(BETWEEN_TRIES, &what, || self.try_connect())
    }

    /// Connects as hosts of Firecracker do. `None` if the guest refuses.
    pub fn try_connect(&self) -> Result<Option<UnixStream>> {
        let mut stream = UnixStream::connect(self.device.path("host")).context("the device is gone")?;
        stream.set_read_timeout(Some(soon().limit()))?;
        let mut answer = Vec::new();
        // In one write: the device expects the whole line at once.
        let said = stream.write_all(format!("CONNECT {PORT}\n").as_bytes()).and_then(|()| {
            let mut byte = [0];
            while answer.last() != Some(&b'\n') {
                stream.read_exact(&mut byte)?;
                answer.extend(byte);
            }
            Ok(())
        });
        match said {
            Ok(()) => {}
            // The device closes a connection that the guest refuses, and any before it has the guest's memory.
            Err(error) if [BrokenPipe, ConnectionReset, UnexpectedEof].contains(&error.kind()) => return Ok(None),
            Err(error) => return Err(error).context("the device does not answer"),
        }
        ensure!(answer.starts_with(b"OK "), "{}", String::from_utf8_lossy(&answer));
        Ok(Some(stream))
    }
}

impl Device {
    fn start() -> Result<Self> {
        let folder = PrivateFolder::new()?;
        let path = |name: &str| folder.path().join(name);
        // It is killed with the thread that has started it.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program()?)
            .args(["--guest-cid", "42", "--socket"])
            .arg(path("device"))
            .arg("--uds-path")
            .arg(path("host"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(path("log"))?)
            .spawn()?;
        let device = Self { process, folder };
        soon().poll_every(BETWEEN_TRIES, "vhost-device-vsock does not start", || {
            Ok((device.path("device").exists() && device.path("host").exists()).then_some(()))
        })?;
        Ok(device)
    }

    /// The last that it has said.
    fn said(&self) -> String {
        let said = fs::read_to_string(self.path("log")).unwrap_or_default();
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where `cargo xtask setup` has put vhost-device-vsock, or another one in PATH.
fn program() -> Result<PathBuf> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin/vhost-device-vsock");
    let found = ours.exists().then_some(ours).or_else(|| find("vhost-device-vsock"));
    found.context("vhost-device-vsock is not installed: `cargo xtask test channels` installs it")
}
