//! The engine's pump alone, in a thread: over a channel that gives and takes as few bytes at a time as it likes.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use nanoqga::commands::{info, os, sync};
use nanoqga::serve::{self, HostChange, Pump};
use nanoqga::{Agent, Buffers, CommandSet, Failure};
use nanoqga_testkit::folder::PrivateFolder;
use tests::hostile::Noise;

const NAP: Duration = Duration::from_micros(50);

struct Kernel;

impl info::Identity for Kernel {
    fn version(&self) -> &str {
        "1.0.0"
    }
}

impl os::Os for Kernel {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        os::OsInfo::default()
    }
}

impl os::HostName for Kernel {
    fn host_name(&mut self) -> Result<&str, Failure> {
        Ok("attacked")
    }
}

impl os::LocalTime for Kernel {}

static COMMANDS: CommandSet<'static, Kernel> = CommandSet::new(&[
    sync::commands(),
    info::commands(),
    os::commands(),
    os::name_commands(),
    os::timezone_commands(),
]);

/// The thread, ended when this is dropped.
#[derive(Debug)]
pub struct Pumped {
    pub socket: PathBuf,
    _folder: PrivateFolder,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Pumped {
    /// Serves one host after another at a socket.
    pub fn start(seed: u64) -> Result<Self> {
        let folder = PrivateFolder::new()?;
        let socket = folder.path().join("agent.sock");
        let listener = UnixListener::bind(&socket)?;
        listener.set_nonblocking(true)?;
        let over = Arc::new(AtomicBool::new(false));
        let ends = over.clone();
        let thread = Some(thread::spawn(move || serve(&listener, seed, &ends)));
        Ok(Self { socket, _folder: folder, over, thread })
    }
}

impl Drop for Pumped {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        // A test that has failed already has said why.
        assert!(thread::panicking() || matches!(ended, Some(Ok(Ok(())))), "the pump has failed: {ended:?}");
    }
}

fn serve(listener: &UnixListener, seed: u64, over: &AtomicBool) -> io::Result<()> {
    let mut buffers: Buffers = Buffers::new();
    let mut agent = Agent::new(&COMMANDS, buffers.memory());
    let mut pump = <Pump>::new();
    let mut noise = Noise::new(seed);
    while !over.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((host, _)) => {
                host.set_nonblocking(true)?;
                let mut channel = Channel { host, noise: noise.clone(), unsent: Vec::new(), left: false };
                pump.reset(&mut agent);
                while !channel.left && !over.load(Ordering::Relaxed) {
                    channel.push()?;
                    if !pump.poll(&mut agent, &mut Kernel, &mut channel)? && !channel.left {
                        thread::sleep(NAP); // polls: bytes of the host, or room for some
                    }
                }
                noise = channel.noise;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(NAP), // polls: the next host
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One host's connection.
struct Channel {
    host: UnixStream,
    noise: Noise,
    /// What was written and is not with the host yet.
    unsent: Vec<u8>,
    left: bool,
}

impl Channel {
    /// Sends what was written, as much as the host takes, as the interrupts of a driver would.
    fn push(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() && !self.left {
            let written = self.host.write(&self.unsent);
            match self.count(written)? {
                0 => break,
                count => drop(self.unsent.drain(..count)),
            }
        }
        Ok(())
    }

    /// What a call gave; nothing, and the host gone, when it was an end.
    fn count(&mut self, outcome: io::Result<usize>) -> io::Result<usize> {
        match outcome {
            Ok(0) => self.left = true,
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.left = true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => return other,
        }
        Ok(0)
    }
}

impl embedded_io::ErrorType for Channel {
    type Error = io::Error;
}

impl embedded_io::ReadReady for Channel {
    /// A socket does not tell without a read, and the pump bears one that gives nothing.
    fn read_ready(&mut self) -> io::Result<bool> {
        Ok(!self.left)
    }
}

impl embedded_io::Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = if self.noise.one_in(3) { 1 + self.noise.below(20) } else { buffer.len() }.min(buffer.len());
        let read = self.host.read(&mut buffer[..most]);
        self.count(read)
    }
}

impl embedded_io::WriteReady for Channel {
    fn write_ready(&mut self) -> io::Result<bool> {
        Ok(self.unsent.is_empty())
    }
}

impl embedded_io::Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = if self.noise.one_in(3) { 1 + self.noise.below(20) } else { bytes.len() }.min(bytes.len());
        self.unsent.extend_from_slice(&bytes[..most]);
        Ok(most)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl serve::Channel for Channel {
    fn host_change(&mut self) -> io::Result<Option<HostChange>> {
        Ok(None)
    }

    fn is_drained(&mut self) -> io::Result<bool> {
        Ok(self.unsent.is_empty())
    }
}
