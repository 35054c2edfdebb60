//! Virtio socket devices of vhost-device-vsock: one process, which shares the memory of the guests that it gives devices to.

use std::fs::{self, File};
use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use crate::deadline::Deadline;
use crate::folder::PrivateFolder;
use crate::machine::Bus;
use crate::qemu::Config;
use crate::supervisor::Supervised;

/// The name of the file with what the process says.
const LOG: &str = "log";

/// How often the sockets of a device that starts are looked for.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// The process, and its sockets. It ends when this is dropped, and with this process.
#[derive(Debug)]
pub struct SocketDevice {
    process: Supervised,
    folder: PrivateFolder,
}

impl SocketDevice {
    /// Starts `program`, which is vhost-device-vsock, with a device for each guest, known by its context ID. These guests may connect to each
    /// other.
    ///
    /// # Errors
    /// When the program does not start, or does not listen before the deadline.
    pub fn start(program: &Path, guests: &[u32], deadline: Deadline) -> Result<Self> {
        let folder = PrivateFolder::new()?;
        let path = |name: &str, cid: u32| folder.path().join(format!("{name}-{cid}"));
        let log = File::create(folder.path().join(LOG))?;
        let process = Supervised::start(program, |command| {
            for &cid in guests {
                let [device, host] = ["device", "host"].map(|name| path(name, cid).display().to_string());
                command.args(["--vm", &format!("guest-cid={cid},socket={device},uds-path={host}")]);
            }
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        })?;
        let mut device = Self { process, folder };
        let started = deadline.poll_every(BETWEEN_LOOKS, "the sockets of vhost-device-vsock", || {
            ensure!(device.process.try_wait()?.is_none(), "vhost-device-vsock has ended");
            let listens = |&cid: &u32| device.path("device", cid).exists() && device.path("host", cid).exists();
            Ok(guests.iter().all(listens).then_some(()))
        });
        started.map_err(|error| anyhow!("{error:#}: {}", device.said()))?;
        Ok(device)
    }

    /// Gives a guest its device. The guest's memory is shared with it.
    pub fn attach(&self, config: &mut Config, cid: u32) {
        let memory = format!("memory-backend-memfd,id=memory,size={}K,share=on", config.memory_kib);
        let kind = match config.machine.bus {
            Bus::Pci => "vhost-user-vsock-pci",
            Bus::Mmio => "vhost-user-vsock-device",
        };
        config
            .argument("-object", memory)
            .argument("-machine", "memory-backend=memory")
            .argument("-chardev", format!("socket,id=vsock,path={}", self.path("device", cid).display()))
            .argument("-device", format!("{kind},chardev=vsock"));
    }

    /// Connects to a guest's port, as hosts of Firecracker do. `None` if the guest refuses. What the guest sends first must come before
    /// `patience` has passed.
    ///
    /// vhost-device-vsock 0.3 does nothing more if somebody connects while QEMU sets its queues up.
    ///
    /// # Errors
    /// When the process is gone, or does not answer.
    pub fn connect(&self, cid: u32, port: u32, patience: Duration) -> Result<Option<UnixStream>> {
        let mut stream = UnixStream::connect(self.path("host", cid)).context("vhost-device-vsock is gone")?;
        stream.set_read_timeout(Some(patience))?;
        let mut answer = Vec::new();
        // In one write: the device expects the whole line at once.
        let said = stream.write_all(format!("CONNECT {port}\n").as_bytes()).and_then(|()| {
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
            Err(error) => return Err(error).context("vhost-device-vsock does not answer"),
        }
        ensure!(answer.starts_with(b"OK "), "{}", String::from_utf8_lossy(&answer));
        Ok(Some(stream))
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The last that the process has said, for messages.
    pub fn said(&self) -> String {
        let said = fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default();
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    fn path(&self, name: &str, cid: u32) -> PathBuf {
        self.folder.path().join(format!("{name}-{cid}"))
    }
}
