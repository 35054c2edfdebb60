//! A channel to the host with the agent that answers on it.

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use machine::heap::Kept;
use machine::transport::DeviceTransport;
#[cfg(all(feature = "xen", target_arch = "x86_64"))]
use machine::xen::Console;
use machine::{SerialPort, log};
use nanoqga::serve::{self, HostChange};
use nanoqga::{Agent, CommandSet, Memory};
#[cfg(feature = "appliance")]
use virtio_drivers::transport::pci::bus::DeviceFunction;
use virtio_serial::{Error, Event, MAX_READ, VirtioSerial};

#[cfg(feature = "appliance")]
use crate::carrier::Carrier;
use crate::guest::{Guest, State};

/// How often a console is polled before it counts as one that does not answer. One that answers does so in a few milliseconds,
/// however busy its host is.
const PATIENCE: u32 = 1 << 24;

/// What carries the bytes.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is no allocator to box it with, and an agent beside it is larger")]
pub enum Io {
    /// A virtio console. It may lack the agent's port.
    Virtio(VirtioSerial<Kept, DeviceTransport>),
    /// A serial port. It never fails.
    Serial(SerialPort),
    /// A console of a domain of Xen. It never fails, either.
    #[cfg(all(feature = "xen", target_arch = "x86_64"))]
    Xen(Console),
    /// Nothing any more: the console has failed or was removed. The channel's memory waits for another one.
    #[cfg(feature = "appliance")]
    Gone,
}

macro_rules! either {
    ($self:ident, $io:ident => $call:expr) => {
        match $self {
            Self::Virtio($io) => $call,
            Self::Serial($io) => {
                let Ok(result) = $call;
                Ok(result)
            }
            #[cfg(all(feature = "xen", target_arch = "x86_64"))]
            Self::Xen($io) => {
                let Ok(result) = $call;
                Ok(result)
            }
            #[cfg(feature = "appliance")]
            Self::Gone => Err(Error::NoReset),
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

impl serve::Channel for Io {
    fn host_change(&mut self) -> Result<Option<HostChange>, Error> {
        let mut change = None;
        if let Self::Virtio(console) = self {
            while let Some(event) = console.next_event() {
                log_found(Some(event), console);
                // The host came or left. If it did so several times, only the last event may be reported.
                if event != Event::Found {
                    change = Some(HostChange { unread: console.unread() });
                }
            }
        }
        Ok(change)
    }

    /// A virtio console accepts bytes only when its host has read all earlier ones.
    fn is_drained(&mut self) -> Result<bool, Error> {
        match self {
            Self::Virtio(console) => console.write_ready(),
            Self::Serial(port) => {
                let Ok(()) = port.flush();
                Ok(true)
            }
            #[cfg(all(feature = "xen", target_arch = "x86_64"))]
            Self::Xen(_) => Ok(true),
            #[cfg(feature = "appliance")]
            Self::Gone => Err(Error::NoReset),
        }
    }
}

/// What carries a channel's bytes to its agent and back, up to `OUT` of a reply at once, which is also what a virtio console takes.
pub type Pump<const OUT: usize> = serve::Pump<MAX_READ, OUT>;

fn log_found(event: Option<Event>, console: &VirtioSerial<Kept, DeviceTransport>) {
    if event == Some(Event::Found) {
        log!("the agent's port is {}", console.port().unwrap_or_default());
    }
}

/// A channel and its agent, for a guest of state `S`.
#[derive(Debug)]
pub struct Channel<S: 'static, const OUT: usize> {
    io: Io,
    agent: Agent<'static, Guest<S>>,
    pump: &'static mut Pump<OUT>,
    /// The console's place on PCI, if it is there.
    #[cfg(feature = "appliance")]
    place: Option<DeviceFunction>,
}

impl<S: State, const OUT: usize> Channel<S, OUT> {
    /// Serves an agent of `commands` on `io`, in memory of its own.
    // A channel is large. Inlined, it would be built on the stack and then copied.
    #[inline(never)]
    pub fn new(
        io: Io,
        commands: &'static CommandSet<'static, Guest<S>>,
        memory: Memory<'static>,
        pump: &'static mut Pump<OUT>,
    ) -> Self {
        Self {
            io,
            agent: Agent::new(commands, memory),
            pump,
            #[cfg(feature = "appliance")]
            place: None,
        }
    }

    /// Whether it has the agent's port. A console may have to be asked for it first.
    pub fn has_port(&mut self) -> bool {
        match &mut self.io {
            Io::Virtio(console) => {
                let is_settled = (0..PATIENCE).any(|_| {
                    log_found(console.poll(), console);
                    console.port().is_some() || console.is_settled()
                });
                if !is_settled {
                    log!("it does not answer");
                }
                console.port().is_some()
            }
            Io::Serial(_) => true,
            #[cfg(all(feature = "xen", target_arch = "x86_64"))]
            Io::Xen(_) => true,
            #[cfg(feature = "appliance")]
            Io::Gone => false,
        }
    }

    /// Answers other commands from now on.
    #[cfg(feature = "appliance")]
    pub const fn set_commands(&mut self, commands: &'static CommandSet<'static, Guest<S>>) {
        self.agent.set_commands(commands);
    }

    /// Serves the agent on `io` instead.
    pub fn replace(&mut self, io: Io) {
        self.io = io;
        self.pump.reset(&mut self.agent);
    }

    /// Does one step of what can be done without waiting. Returns whether there may be more. `has_woken` says that the guest may have slept
    /// since the last step, so that the device's interrupt must be acknowledged.
    ///
    /// # Errors
    /// When the device has failed. It stays so.
    pub fn step(&mut self, guest: &mut Guest<S>, has_woken: bool) -> Result<bool, Error> {
        let Self { io, agent, pump, .. } = self;
        #[cfg(feature = "testing")]
        let io = crate::testing::last_words::lend(io);
        // What comes from here on interrupts again. A test that sleeps could not if the interrupt of its own request were left.
        if let Io::Virtio(console) = io
            && (has_woken || cfg!(feature = "testing"))
        {
            console.acknowledge_interrupt();
        }
        #[cfg(feature = "appliance")]
        let io = &mut Carrier::Own(io);
        pump.poll(agent, guest, io).inspect_err(|error| log!("virtio console: {}", error.reason()))
    }

    /// Whether the host's side has taken all that was sent. If not, the device interrupts when it has.
    pub fn has_sent(&mut self) -> bool {
        // One that has failed sends no more.
        serve::Channel::is_drained(&mut self.io).unwrap_or(true)
    }

    /// Stops its device before the machine sleeps. What the host sends from now on waits in QEMU, as far as QEMU keeps it.
    pub fn suspend(&mut self) {
        if let Io::Virtio(console) = &mut self.io {
            console.stop();
        }
    }

    /// Sets its device up again, which may have been reset, and drops the unfinished request. Returns whether the device works.
    pub fn resume(&mut self) -> bool {
        self.pump.reset(&mut self.agent);
        match &mut self.io {
            Io::Virtio(console) => {
                console.restart();
                console.failure().inspect(|error| log!("virtio console: {}", error.reason())).is_none()
            }
            Io::Serial(port) => port.reopen().is_some(),
            #[cfg(all(feature = "xen", target_arch = "x86_64"))]
            Io::Xen(_) => true,
            #[cfg(feature = "appliance")]
            Io::Gone => true,
        }
    }
}

#[cfg(feature = "appliance")]
impl<S: State, const OUT: usize> Channel<S, OUT> {
    /// Says where the console is.
    pub(crate) const fn set_place(&mut self, place: Option<DeviceFunction>) {
        self.place = place;
    }

    /// Whether its console has failed or was removed.
    pub(crate) const fn is_gone(&self) -> bool {
        matches!(self.io, Io::Gone)
    }

    /// Drops a console that `keep` does not keep. The channel's memory waits for another one.
    pub(crate) fn retain(&mut self, keep: &dyn Fn(DeviceFunction) -> bool) {
        if let Some(place) = self.place.take_if(|place| !keep(*place)) {
            log!("virtio console at {} was removed", place);
            self.replace(Io::Gone);
        }
    }
}
