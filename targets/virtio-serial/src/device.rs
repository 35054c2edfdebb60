//! The device with its queues: initialisation and reset.

use virtio_drivers::Hal;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};

use crate::Error;
use crate::barrier::barrier;
use crate::control::{MAX_PORTS, MESSAGE_BYTES};
use crate::ring::{ReceiveRing, TransmitRing};
use crate::virtqueue::{Buffers, MAX_BUFFERS};

/// VIRTIO_CONSOLE_F_MULTIPORT, section 5.3.3.
const MULTIPORT: u64 = 1 << 1;
/// VIRTIO_F_VERSION_1, section 6.
const VERSION_1: u64 = 1 << 32;
/// VIRTIO_F_ACCESS_PLATFORM, section 6. A device that offers it stops without it. It takes the addresses of [`Hal`], as all do.
const ACCESS_PLATFORM: u64 = 1 << 33;
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

/// How often the status is read after a reset before the device is given up. In practice it is 0 at the first read.
const RESET_LOOKS: u32 = 100_000;

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

/// The device, with its queues while it is initialised, or else the reason why it is not.
///
/// Drops queues only after a reset that the device has confirmed, as `virtqueue` requires.
pub(crate) struct Device<H: Hal, T: Transport> {
    transport: T,
    queues: Result<Queues<H>, Error>,
    /// Size of the transmit buffer.
    transmit_bytes: usize,
    /// An `InterruptHandle` acknowledges the interrupts.
    has_handle: bool,
}

impl<H: Hal, T: Transport> Device<H, T> {
    /// Initialises the device with the queues of port [`FIRST_GUESS`].
    pub(crate) fn new(transport: T, transmit_bytes: usize) -> Result<Self, Error> {
        if transport.device_type() != DeviceType::Console {
            return Err(Error::NotAConsole);
        }
        let mut device = Self { transport, queues: Err(Error::NoReset), transmit_bytes, has_handle: false };
        device.restart(FIRST_GUESS);
        match device.failure() {
            Some(error) => Err(error),
            None => Ok(device),
        }
    }

    pub(crate) fn queues(&self) -> Option<&Queues<H>> {
        self.queues.as_ref().ok()
    }

    pub(crate) fn failure(&self) -> Option<Error> {
        self.queues.as_ref().err().copied()
    }

    /// Whether there are bytes that were kept over a reset. Frees their queue if not. A queue that is corrupt has none.
    pub(crate) fn has_kept(&mut self) -> bool {
        let Ok(Queues { kept: kept @ Some(_), .. }) = &mut self.queues else { return false };
        let has_bytes = kept.as_mut().is_some_and(|kept| kept.has_bytes().unwrap_or(false));
        if !has_bytes {
            *kept = None;
        }
        has_bytes
    }

    /// Calls `work` if the device is initialised. Resets the device if `work` returns an error.
    pub(crate) fn with<R>(&mut self, work: impl FnOnce(&mut Queues<H>, &mut T) -> Result<R, Error>) -> Option<R> {
        let queues = self.queues.as_mut().ok()?;
        match work(queues, &mut self.transport) {
            Ok(result) => Some(result),
            Err(error) => {
                self.stop(error);
                None
            }
        }
    }

    pub(crate) const fn transport(&self) -> &T {
        &self.transport
    }

    /// Leaves it to an `InterruptHandle` to acknowledge interrupts.
    pub(crate) fn leave_interrupts_to_handle(&mut self) {
        self.has_handle = true;
    }

    /// Acknowledges the device's interrupt, unless a handle does that, and checks whether the device needs a reset.
    pub(crate) fn acknowledge_interrupt(&mut self) {
        // A device that needs a reset says so by an interrupt for a change of its configuration (section 2.1.2). A handle may have
        // acknowledged that.
        let may_need_reset =
            self.has_handle || self.transport.ack_interrupt().contains(InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT);
        // The rings must be read after the acknowledgement, because the device does not interrupt again for buffers that it
        // returned before.
        barrier();
        if may_need_reset && self.transport.get_status().contains(DeviceStatus::DEVICE_NEEDS_RESET) {
            self.stop(Error::NeedsReset);
        }
    }

    /// Resets the device and initialises it with the queues of `port`, or of its last port if that is lower.
    pub(crate) fn restart(&mut self, port: u32) {
        // `stop` drops the old queues first, so that their pages can be allocated for the new ones.
        if self.stop(Error::NoReset) {
            match start(&mut self.transport, port, self.transmit_bytes) {
                Ok(queues) => self.queues = Ok(queues),
                Err(error) => _ = self.stop(error),
            }
        }
    }

    /// Resets the device and initialises it with queues of the same port. Keeps the bytes that were received if there are pages
    /// for that. Drops those that were kept before, so they must be read.
    pub(crate) fn restart_and_keep(&mut self) {
        let Some(port) = self.queues().map(|queues| queues.port) else { return };
        // The other queues are dropped at the end of this statement, so that their pages can be allocated for the new ones.
        let receive = match self.take_queues(Error::NoReset) {
            Some(Ok(Queues { receive, .. })) => receive,
            _ => return,
        };
        if let Ok(queues) = start(&mut self.transport, port, self.transmit_bytes) {
            self.queues = Ok(Queues { kept: Some(receive), ..queues });
        } else {
            drop(receive);
            self.restart(port);
        }
    }

    /// Resets the device and notes the reason. Returns whether the device has confirmed the reset.
    pub(crate) fn stop(&mut self, why: Error) -> bool {
        self.take_queues(why).is_some()
    }

    /// Resets the device and notes the reason. Returns the queues if the device has confirmed the reset.
    fn take_queues(&mut self, why: Error) -> Option<Result<Queues<H>, Error>> {
        self.transport.set_status(DeviceStatus::empty());
        let quiet = (0..RESET_LOOKS).any(|_| self.transport.get_status().is_empty());
        // Memory of the queues must be read or freed after the status, because the device may write to it until then.
        barrier();
        let queues = core::mem::replace(&mut self.queues, Err(if quiet { why } else { Error::NoReset }));
        if !quiet {
            // The device may still write to this memory, so it is leaked.
            core::mem::forget(queues);
            return None;
        }
        Some(queues)
    }
}

impl<H: Hal, T: Transport> Drop for Device<H, T> {
    fn drop(&mut self) {
        self.stop(Error::NoReset);
    }
}

/// Initialises a device that was reset: section 3.1.1, steps 2 to 8.
fn start<H: Hal, T: Transport>(transport: &mut T, port: u32, transmit_bytes: usize) -> Result<Queues<H>, Error> {
    let mut status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    transport.set_status(status);

    // A legacy device has neither VERSION_1 nor FEATURES_OK (section 3.1.2). Every other device must have both.
    let legacy = transport.requires_legacy_layout();
    let wanted = if legacy { MULTIPORT } else { MULTIPORT | VERSION_1 };
    let offered = transport.read_device_features();
    if offered & MULTIPORT == 0 {
        return Err(Error::NoMultiport);
    }
    if offered & wanted != wanted {
        return Err(Error::Features);
    }
    let optional = if legacy { 0 } else { ACCESS_PLATFORM };
    transport.write_driver_features(wanted | offered & optional);
    if !legacy {
        status |= DeviceStatus::FEATURES_OK;
        transport.set_status(status);
        if !transport.get_status().contains(DeviceStatus::FEATURES_OK) {
            return Err(Error::Features);
        }
    }

    let max_ports = transport.read_config_space::<u32>(MAX_NR_PORTS_OFFSET).map_err(|_| Error::Config)?;
    let max_ports = u32::from_le(max_ports).min(MAX_PORTS);
    let port = port.min(max_ports.checked_sub(1).ok_or(Error::Config)?);
    // Legacy devices take the addresses of queues as numbers of such pages.
    transport.set_guest_page_size(virtio_drivers::PAGE_SIZE as u32);
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
