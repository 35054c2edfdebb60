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

/// The queues of an initialised device.
pub(crate) struct Queues<H: Hal> {
    /// The port that `receive` and `transmit` belong to.
    pub(crate) port: u32,
    /// Number of ports. Each port is less than this.
    pub(crate) max_ports: u32,
    pub(crate) control_receive: ReceiveRing<H>,
    pub(crate) control_transmit: TransmitRing<H>,
    /// The receive queue from before a reset, until its bytes are read. The device does not use it any more.
    pub(crate) kept: Option<ReceiveRing<H>>,
    pub(crate) receive: ReceiveRing<H>,
    pub(crate) transmit: TransmitRing<H>,
}

/// A console with its queues.
pub(crate) type Console<H, T> = Device<Queues<H>, T>;

impl<H: Hal, T: Transport> Console<H, T> {
    /// Initialises the console with the queues of port [`FIRST_GUESS`], and a transmit buffer of `transmit_bytes`.
    pub(crate) fn open(transport: T, transmit_bytes: usize) -> Result<Self, Error> {
        if transport.device_type() != DeviceType::Console {
            return Err(Error::NotAConsole);
        }
        let mut console = Self::new(transport);
        console.restart_for(FIRST_GUESS, transmit_bytes);
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
    pub(crate) fn restart_for(&mut self, port: u32, transmit_bytes: usize) {
        self.restart(|transport| start(transport, port, transmit_bytes));
    }

    /// Resets the device and initialises it with queues of the same port. Keeps the bytes that were received if there are pages
    /// for that. Drops those that were kept before, so they must be read.
    pub(crate) fn restart_and_keep(&mut self, transmit_bytes: usize) {
        let Some(port) = self.queues().map(|queues| queues.port) else { return };
        // The other queues are dropped at the end of this statement, so that their pages can be allocated for the new ones.
        let receive = match self.take_queues(Error::NoReset) {
            Some(Ok(Queues { receive, .. })) => receive,
            _ => return,
        };
        self.start(|transport| Ok(Queues { kept: Some(receive), ..start(transport, port, transmit_bytes)? }));
        if self.failure().is_some() {
            // The kept queue is dropped, and its pages are free.
            self.restart_for(port, transmit_bytes);
        }
    }
}

/// Initialises a console that was reset: section 3.1.1, steps 2 to 8.
fn start<H: Hal, T: Transport>(transport: &mut T, port: u32, transmit_bytes: usize) -> Result<Queues<H>, Error> {
    let status = negotiate(transport, MULTIPORT, 0, Error::NoMultiport)?;
    let max_ports = transport.read_config_space::<u32>(MAX_NR_PORTS_OFFSET).map_err(|_| Error::Config)?;
    let max_ports = u32::from_le(max_ports).min(MAX_PORTS);
    let port = port.min(max_ports.checked_sub(1).ok_or(Error::Config)?);
    let mut queues = Queues {
        port,
        max_ports,
        control_receive: ReceiveRing::new(transport, CONTROL_RECEIVE_QUEUE, CONTROL_BUFFERS)?,
        control_transmit: TransmitRing::new(transport, CONTROL_TRANSMIT_QUEUE, MESSAGE_BYTES)?,
        kept: None,
        receive: ReceiveRing::new(transport, receive_queue(port), DATA_BUFFERS)?,
        transmit: TransmitRing::new(transport, receive_queue(port) + 1, transmit_bytes)?,
    };

    // From DRIVER_OK on the device may read the rings.
    barrier();
    transport.set_status(status | DeviceStatus::DRIVER_OK);
    queues.control_receive.announce(transport);
    queues.receive.announce(transport);
    Ok(queues)
}

/// Receive queue of a port less than `MAX_PORTS`. The next queue is the port's transmit queue (section 5.3.2).
fn receive_queue(port: u32) -> u16 {
    match port {
        0 => 0,
        port => 2 * port as u16 + 2,
    }
}
