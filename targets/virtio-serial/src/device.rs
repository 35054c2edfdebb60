//! The device as a whole: bringing it to life, with its queues, and to rest again.

use virtio_drivers::Hal;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};

use crate::Error;
use crate::control::{MAX_PORTS, MESSAGE_BYTES};
use crate::ring::{ReceiveRing, TransmitRing};
use crate::virtqueue::{Buffers, QUEUE_SIZE};

/// VIRTIO_CONSOLE_F_MULTIPORT, section 5.3.3.
const MULTIPORT: u64 = 1 << 1;
/// VIRTIO_F_VERSION_1, section 6.
const VERSION_1: u64 = 1 << 32;
/// Of `max_nr_ports` in the configuration, section 5.3.4.
const MAX_NR_PORTS_OFFSET: usize = 4;

const CONTROL_RECEIVE_QUEUE: u16 = 2;
const CONTROL_TRANSMIT_QUEUE: u16 = 3;

/// The port that is tried first: where a hypervisor puts a lone channel.
pub(crate) const FIRST_GUESS: u32 = 1;
/// Room for what a device says of all its ports at once.
const CONTROL_BUFFERS: Buffers = Buffers { count: QUEUE_SIZE, bytes: MESSAGE_BYTES };
const DATA_BUFFERS: Buffers = Buffers { count: RECEIVE_BUFFERS, bytes: MAX_READ };
/// How many buffers there are to receive in.
const RECEIVE_BUFFERS: usize = 8;
/// The most reads that it takes to get what waits to be received at one moment: as much again may have been kept.
pub const MAX_UNREAD: usize = 2 * RECEIVE_BUFFERS;
/// The most bytes that one read gives: a buffer's. The device fills none with bytes of two hosts.
pub const MAX_READ: usize = 512;
const TRANSMIT_BYTES: usize = 4096;

/// As a reset takes no time in practice, a device that has not confirmed it after so many looks never will.
const RESET_LOOKS: u32 = 100_000;

/// The queues of a device that is alive.
pub(crate) struct Queues<H: Hal> {
    /// The port whose data queues these are.
    pub(crate) port: u32,
    /// All ports have lower numbers.
    pub(crate) max_ports: u32,
    pub(crate) control_receive: ReceiveRing<H>,
    pub(crate) control_transmit: TransmitRing<H>,
    /// What was received before a reset, which the device knows nothing of any more, until it is read.
    pub(crate) kept: Option<ReceiveRing<H>>,
    pub(crate) receive: ReceiveRing<H>,
    pub(crate) transmit: TransmitRing<H>,
}

/// The device with its queues while it is alive, or the reason why it is not.
///
/// Keeps the promise of `virtqueue`: queues are dropped only after a reset that the device has confirmed.
pub(crate) struct Device<H: Hal, T: Transport> {
    transport: T,
    queues: Result<Queues<H>, Error>,
}

impl<H: Hal, T: Transport> Device<H, T> {
    /// Brings the device to life with the queues of the port that is tried first.
    pub(crate) fn new(transport: T) -> Result<Self, Error> {
        if transport.device_type() != DeviceType::Console {
            return Err(Error::NotAConsole);
        }
        let mut device = Self { transport, queues: Err(Error::NoReset) };
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

    /// Lets `work` use the queues of a device that is alive. If that finds the device at fault, it is put to rest.
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

    /// Takes back the device's interrupt, so that it can send the next one.
    pub(crate) fn acknowledge_interrupt(&mut self) {
        let causes = self.transport.ack_interrupt();
        // A device in need of a reset says so by a change of its configuration (section 2.1.2).
        if causes.contains(InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT)
            && self.transport.get_status().contains(DeviceStatus::DEVICE_NEEDS_RESET)
        {
            self.stop(Error::NeedsReset);
        }
    }

    /// Resets the device and initialises it with the queues of `port`, or of its last port if that is lower.
    pub(crate) fn restart(&mut self, port: u32) {
        // The old queues go first, so that their pages can serve the new ones.
        if self.stop(Error::NoReset) {
            match start(&mut self.transport, port) {
                Ok(queues) => self.queues = Ok(queues),
                Err(error) => _ = self.stop(error),
            }
        }
    }

    /// Resets and initialises it with the same queues, but keeps what was received if there are pages for that.
    pub(crate) fn restart_and_keep(&mut self) {
        let Some(port) = self.queues().map(|queues| queues.port) else { return };
        if let Some(Ok(Queues { receive, .. })) = self.take_queues(Error::NoReset) {
            match start(&mut self.transport, port) {
                Ok(queues) => self.queues = Ok(Queues { kept: Some(receive), ..queues }),
                Err(_) => {
                    drop(receive);
                    self.restart(port);
                }
            }
        }
    }

    /// Resets the device, for good or until a restart, and says why. Gives whether the device has become quiet.
    pub(crate) fn stop(&mut self, why: Error) -> bool {
        self.take_queues(why).is_some()
    }

    /// The same; gives the queues, if the device has become quiet.
    fn take_queues(&mut self, why: Error) -> Option<Result<Queues<H>, Error>> {
        self.transport.set_status(DeviceStatus::empty());
        let quiet = (0..RESET_LOOKS).any(|_| self.transport.get_status().is_empty());
        let queues = core::mem::replace(&mut self.queues, Err(if quiet { why } else { Error::NoReset }));
        if !quiet {
            // The device may still write to this memory: better lost than reused.
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

/// Initialises a device that has been reset: section 3.1.1, its steps 2 to 8.
fn start<H: Hal, T: Transport>(transport: &mut T, port: u32) -> Result<Queues<H>, Error> {
    let mut status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    transport.set_status(status);

    // A legacy device knows neither VERSION_1 nor FEATURES_OK (section 3.1.2), any other must offer both.
    let legacy = transport.requires_legacy_layout();
    let wanted = if legacy { MULTIPORT } else { MULTIPORT | VERSION_1 };
    let offered = transport.read_device_features();
    if offered & MULTIPORT == 0 {
        return Err(Error::NoMultiport);
    }
    if offered & wanted != wanted {
        return Err(Error::Features);
    }
    transport.write_driver_features(wanted);
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
    // Legacy devices count the addresses of queues in such pages.
    transport.set_guest_page_size(virtio_drivers::PAGE_SIZE as u32);
    let mut queues = Queues {
        port,
        max_ports,
        control_receive: ReceiveRing::new(transport, CONTROL_RECEIVE_QUEUE, CONTROL_BUFFERS)?,
        control_transmit: TransmitRing::new(transport, CONTROL_TRANSMIT_QUEUE, MESSAGE_BYTES)?,
        kept: None,
        receive: ReceiveRing::new(transport, receive_queue(port), DATA_BUFFERS)?,
        transmit: TransmitRing::new(transport, receive_queue(port) + 1, TRANSMIT_BYTES)?,
    };

    transport.set_status(status | DeviceStatus::DRIVER_OK);
    queues.control_receive.announce(transport);
    queues.receive.announce(transport);
    Ok(queues)
}

/// The receive queue of a port below `MAX_PORTS`; its transmit queue is the next one (section 5.3.2).
fn receive_queue(port: u32) -> u16 {
    match port {
        0 => 0,
        port => 2 * port as u16 + 2,
    }
}
