//! A console's queues: initialisation, and a reset that keeps what was received.

use virtio_drivers::Hal;
use virtio_drivers::transport::{DeviceStatus, DeviceType, Transport};

use crate::Error;
use crate::barrier::barrier;
use crate::control::{MAX_PORTS, MESSAGE_BYTES};
use crate::device::{Device, negotiate};
use crate::ring::{ReceiveRing, TransmitRing};
use crate::virtqueue::{Buffers, MAX_BUFFERS};

/// VIRTIO_CONSOLE_F_MULTIPORT, section 5.3.3.
const MULTIPORT: u64 = 1 << 1;
/// Offset of `max_nr_ports` in the configuration, section 5.3.4.
const MAX_NR_PORTS_OFFSET: usize = 4;

const CONTROL_RECEIVE_QUEUE: u16 = 2;
const CONTROL_TRANSMIT_QUEUE: u16 = 3;

/// The port whose queues are set up first. Hypervisors put a single channel there.
pub(crate) const FIRST_GUESS: u32 = 1;
/// As many buffers as descriptors, because a device sends a message for each of its ports at once.
const CONTROL_BUFFERS: Buffers = Buffers { count: MAX_BUFFERS, bytes: MESSAGE_BYTES };
const DATA_BUFFERS: Buffers = Buffers { count: RECEIVE_BUFFERS, bytes: MAX_READ };
/// Number of buffers of a port's receive queue.
const RECEIVE_BUFFERS: usize = 8;
/// Largest number of reads that [`VirtioSerial::unread`](crate::VirtioSerial::unread) returns: one for each of the 8 buffers of
/// the receive queue, and of another 8 that may have been kept over a reset.
pub const MAX_UNREAD: usize = 2 * RECEIVE_BUFFERS;
/// Largest number of bytes that one read returns, which is the size of a buffer. A device fills no buffer with bytes of two hosts.
pub const MAX_READ: usize = 512;
/// Size of the transmit buffer, in bytes, of a driver that does not choose another.
pub(crate) const TRANSMIT_BYTES: usize = 4096;

/// What the user has chosen.
#[derive(Clone, Copy)]
pub(crate) struct Choice {
    /// Size of the transmit buffer.
    pub(crate) transmit_bytes: usize,
    /// Whether a device with a single port may be used, which has no name.
    #[cfg(feature = "single-port")]
    pub(crate) single_port: bool,
}

/// The queues of an initialised device.
pub(crate) struct Queues<H: Hal> {
    /// The port that `receive` and `transmit` belong to.
    pub(crate) port: u32,
    control: MaybeControl<H>,
    /// The receive queue from before a reset, until its bytes are read. The device does not use it any more.
    pub(crate) kept: Option<ReceiveRing<H>>,
    pub(crate) receive: ReceiveRing<H>,
    pub(crate) transmit: TransmitRing<H>,
}

/// The control queues of a device that may be used as one with a single port, which has none.
#[cfg(feature = "single-port")]
type MaybeControl<H> = Option<Control<H>>;
/// Those of a device that always has them: all that asks for them is left out of the program.
#[cfg(not(feature = "single-port"))]
type MaybeControl<H> = [Control<H>; 1];

impl<H: Hal> Queues<H> {
    /// None if the device is used as one with a single port.
    pub(crate) fn control(&self) -> Option<&Control<H>> {
        self.control.as_slice().first()
    }

    /// The same, to be changed.
    pub(crate) fn control_mut(&mut self) -> Option<&mut Control<H>> {
        self.control.as_mut_slice().first_mut()
    }

    /// Whether the device has read every message that it was sent.
    pub(crate) fn is_told(&mut self) -> Result<bool, Error> {
        self.control_mut().map_or(Ok(true), |control| control.transmit.is_idle())
    }

    /// Whether the device has sent a message that was not handled.
    pub(crate) fn has_message(&self) -> bool {
        self.control().is_some_and(|control| control.receive.has_message())
    }
}

/// The control queues.
pub(crate) struct Control<H: Hal> {
    /// The port of the highest number that there may be.
    pub(crate) last_port: u32,
    pub(crate) receive: ReceiveRing<H>,
    pub(crate) transmit: TransmitRing<H>,
}

impl<H: Hal> Control<H> {
    fn new(transport: &mut impl Transport) -> Result<Self, Error> {
        Ok(Self {
            last_port: max_ports(transport)?.min(MAX_PORTS).checked_sub(1).ok_or(Error::Config)?,
            receive: ReceiveRing::new(transport, CONTROL_RECEIVE_QUEUE, CONTROL_BUFFERS)?,
            transmit: TransmitRing::new(transport, CONTROL_TRANSMIT_QUEUE, MESSAGE_BYTES)?,
        })
    }
}

/// A console with its queues.
pub(crate) type Console<H, T> = Device<Queues<H>, T>;

impl<H: Hal, T: Transport> Console<H, T> {
    /// Initialises the console with the queues of port [`FIRST_GUESS`].
    pub(crate) fn open(transport: T, choice: Choice) -> Result<Self, Error> {
        if transport.device_type() != DeviceType::Console {
            return Err(Error::NotAConsole);
        }
        let mut console = Self::new(transport);
        console.restart_for(FIRST_GUESS, choice);
        match console.failure() {
            Some(error) => Err(error),
            None => Ok(console),
        }
    }

    /// Whether there are bytes that were kept over a reset. Frees their queue if not. A queue that is corrupt has none.
    pub(crate) fn has_kept(&mut self) -> bool {
        let Some(Queues { kept: kept @ Some(_), .. }) = self.queues_mut() else { return false };
        let has_bytes = kept.as_mut().is_some_and(|kept| kept.has_bytes().unwrap_or(false));
        if !has_bytes {
            *kept = None;
        }
        has_bytes
    }

    /// Resets the console and initialises it with the queues of `port`, or of its last port if that is lower.
    pub(crate) fn restart_for(&mut self, port: u32, choice: Choice) {
        self.restart(|transport| start(transport, port, choice));
    }

    /// Resets the device and initialises it with queues of the same port. Keeps the bytes that were received if there are pages
    /// for that. Drops those that were kept before, so they must be read.
    pub(crate) fn restart_and_keep(&mut self, choice: Choice) {
        let Some(port) = self.queues().map(|queues| queues.port) else { return };
        // The other queues are dropped at the end of this statement, so that their pages can be allocated for the new ones.
        let receive = match self.take_queues(Error::NoReset) {
            Some(Ok(Queues { receive, .. })) => receive,
            _ => return,
        };
        self.start(|transport| Ok(Queues { kept: Some(receive), ..start(transport, port, choice)? }));
        if self.failure().is_some() {
            // The kept queue is dropped, and its pages are free.
            self.restart_for(port, choice);
        }
    }
}

/// Initialises a console that was reset: section 3.1.1, steps 2 to 8.
fn start<H: Hal, T: Transport>(transport: &mut T, port: u32, choice: Choice) -> Result<Queues<H>, Error> {
    #[cfg(feature = "single-port")]
    let single = choice.single_port && has_single_port(transport)?;
    #[cfg(not(feature = "single-port"))]
    let single = false;
    let status = negotiate(transport, if single { 0 } else { MULTIPORT }, 0, Error::NoMultiport)?;
    #[cfg(feature = "single-port")]
    let control = if single { None } else { Some(Control::new(transport)?) };
    #[cfg(not(feature = "single-port"))]
    let control = [Control::new(transport)?];
    let last_port = control.as_slice().first().map_or(0, |control| control.last_port);
    let port = port.min(last_port);
    let mut queues = Queues {
        port,
        control,
        kept: None,
        receive: ReceiveRing::new(transport, receive_queue(port), DATA_BUFFERS)?,
        transmit: TransmitRing::new(transport, receive_queue(port) + 1, choice.transmit_bytes)?,
    };

    // From DRIVER_OK on the device may read the rings.
    barrier();
    transport.set_status(status | DeviceStatus::DRIVER_OK);
    if let Some(control) = queues.control_mut() {
        control.receive.announce(transport);
    }
    queues.receive.announce(transport);
    Ok(queues)
}

/// Whether a console that was reset has one port, or says nothing of ports.
#[cfg(feature = "single-port")]
fn has_single_port(transport: &mut impl Transport) -> Result<bool, Error> {
    // Only then may features be read, and configuration that depends on one.
    transport.set_status(DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER);
    Ok(transport.read_device_features() & MULTIPORT == 0 || max_ports(transport)? == 1)
}

fn max_ports(transport: &impl Transport) -> Result<u32, Error> {
    let max_ports = transport.read_config_space::<u32>(MAX_NR_PORTS_OFFSET).map_err(|_| Error::Config)?;
    Ok(u32::from_le(max_ports))
}

/// Receive queue of a port less than `MAX_PORTS`. The next queue is the port's transmit queue (section 5.3.2).
fn receive_queue(port: u32) -> u16 {
    match port {
        0 => 0,
        port => 2 * port as u16 + 2,
    }
}
