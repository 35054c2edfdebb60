//! A channel to the host with the agent that answers on it.

use core::mem::MaybeUninit;

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use machine::heap::IdentityMapped;
use machine::transport::DeviceTransport;
use machine::{SerialPort, log};
use nanoqga::serve::Pump;
use nanoqga::{Agent, CommandSet};
use virtio_serial::{Error, Event, MAX_READ, VirtioSerial};

use crate::guest::Guest;

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

/// A channel and its agent, for a guest of state `S` and requests of up to `RECEIVE` bytes.
#[derive(Debug)]
pub struct Channel<S: 'static = (), const RECEIVE: usize = 4096> {
    io: Io,
    agent: Agent<'static, Guest<S>, RECEIVE>,
    pump: Pump<MAX_READ>,
}

impl<S, const RECEIVE: usize> Channel<S, RECEIVE> {
    /// Serves an agent of `commands` on `io`.
    // A channel is large: where this was inlined, it would be put together piece by piece, twice.
    #[inline(never)]
    pub fn new(io: Io, commands: &'static CommandSet<'static, Guest<S>>) -> Self {
        Self { io, agent: Agent::new(commands), pump: Pump::new() }
    }

    /// The same in place: a channel with room for long requests is larger than the stack.
    // Not inlined, so that the agent's constructor has no other place to write to than the channel's.
    #[inline(never)]
    pub fn new_in(
        room: &'static mut MaybeUninit<Self>,
        io: Io,
        commands: &'static CommandSet<'static, Guest<S>>,
    ) -> &'static mut Self {
        let channel = room.as_mut_ptr();
        // SAFETY: The room is a channel's and nobody else's, and a channel has these three fields.
        unsafe {
            (&raw mut (*channel).io).write(io);
            (&raw mut (*channel).agent).write(Agent::new(commands));
            (&raw mut (*channel).pump).write(Pump::new());
            room.assume_init_mut()
        }
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
    pub fn serve(&mut self, guest: &mut Guest<S>) -> Result<bool, Error> {
        while let Io::Virtio(console) = &mut self.io
            && let Some(event) = console.poll()
        {
            match event {
                Event::Found => log!("port {}: {PORT_NAME}", console.port().unwrap_or_default()),
                // The host came or went; of several comings and goings only the last may be told.
                _ => self.pump.host_changed(&mut self.agent, console.unread()),
            }
        }
        self.pump(guest)
    }

    /// Puts its device to rest before the machine sleeps. What the host sends from now on waits outside, if it can.
    pub fn suspend(&mut self) {
        if let Io::Virtio(console) = &mut self.io {
            console.stop();
        }
    }

    /// Sets its device, which may have been reset, up again. Whoever was talking is gone. Whether there still is a device.
    pub fn resume(&mut self) -> bool {
        self.pump.reset(&mut self.agent);
        match &mut self.io {
            Io::Virtio(console) => {
                console.restart();
                console.failure().inspect(|error| log!("virtio console: {error}")).is_none()
            }
            Io::Serial(port) => port.reopen().is_some(),
        }
    }

    fn pump(&mut self, guest: &mut Guest<S>) -> Result<bool, Error> {
        self.pump.poll(&mut self.agent, guest, &mut self.io).inspect_err(|error| log!("virtio console: {error}"))
    }
}

/// A channel is served by whoever has it, or was lent it.
impl<S, const RECEIVE: usize> AsMut<Self> for Channel<S, RECEIVE> {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}
