//! A channel to the host with the agent that answers on it.

use agent_core::Agent;
use agent_core::serve::Pump;
use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use virtio_serial::{Error, Event, MAX_READ, MAX_UNREAD, VirtioSerial};

use crate::arch::SerialPort;
use crate::guest::{COMMANDS, Guest};
use crate::heap::IdentityMapped;
use crate::log;
use crate::transport::DeviceTransport;

/// The port's name on every host.
pub const PORT_NAME: &str = "org.qemu.guest_agent.0";

/// What carries the bytes.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is no allocator to box it with, and an agent beside it is larger")]
pub enum Io {
    /// A virtio console, which may have the agent's port.
    Virtio(VirtioSerial<IdentityMapped, DeviceTransport>),
    /// A serial port. It never fails.
    Serial(SerialPort),
}

macro_rules! either {
    ($self:ident, $io:ident => $call:expr) => {
        match $self {
            Self::Virtio($io) => $call,
            Self::Serial($io) => {
                let Ok(result) = $call;
                Ok(result)
            }
        }
    };
}

impl ErrorType for Io {
    type Error = Error;
}

impl ReadReady for Io {
    fn read_ready(&mut self) -> Result<bool, Error> {
        either!(self, io => io.read_ready())
    }
}

impl Read for Io {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        either!(self, io => io.read(buffer))
    }
}

impl WriteReady for Io {
    fn write_ready(&mut self) -> Result<bool, Error> {
        either!(self, io => io.write_ready())
    }
}

impl Write for Io {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        either!(self, io => io.write(bytes))
    }

    fn flush(&mut self) -> Result<(), Error> {
        either!(self, io => io.flush())
    }
}

/// A channel and its agent.
#[derive(Debug)]
pub struct Channel {
    io: Io,
    agent: Agent<'static, Guest>,
    pump: Pump<MAX_READ>,
}

impl Channel {
    /// Serves the agent on `io`.
    // A channel is large: where this was inlined, it would be put together piece by piece, twice.
    #[inline(never)]
    pub fn new(io: Io) -> Self {
        Self { io, agent: Agent::new(&COMMANDS), pump: Pump::new() }
    }

    /// Whether it has found the agent's port; `patience` is how often a console is asked before it is taken to have none
    /// yet.
    pub fn has_port(&mut self, patience: u32) -> bool {
        match &mut self.io {
            Io::Virtio(console) => (0..patience).any(|_| {
                let event = console.poll();
                console.port().is_some() || event == Some(Event::Found)
            }),
            Io::Serial(_) => true,
        }
    }

    /// Does what can be done without waiting; says whether there was anything.
    ///
    /// # Errors
    /// When the device has failed, which is for good.
    pub fn serve(&mut self, guest: &mut Guest) -> Result<bool, Error> {
        while let Io::Virtio(console) = &mut self.io
            && let Some(event) = console.poll()
        {
            match event {
                Event::Found => log!("port {}: {PORT_NAME}", console.port().unwrap_or_default()),
                // The host came or went; of several comings and goings only the last may be told.
                _ => self.pump.host_changed(&mut self.agent, MAX_UNREAD),
            }
        }
        self.pump(guest)
    }

    fn pump(&mut self, guest: &mut Guest) -> Result<bool, Error> {
        self.pump.poll(&mut self.agent, guest, &mut self.io).inspect_err(|error| log!("virtio console: {error}"))
    }
}
