//! A driver for virtio network cards (virtio 1.2, section 5.1).
//!
//! Own code, because the driver of the crate `virtio-drivers` waits for ever for a configuration that the device keeps changing.

use core::fmt;
use core::mem::ManuallyDrop;

use virtio_drivers::PAGE_SIZE;
use virtio_drivers::transport::{DeviceStatus, InterruptStatus, Transport};

use crate::heap::Kept;
use crate::log;
use crate::room::Room;
use crate::transport::{DeviceTransport, reset};
use crate::virtqueue::VirtQueue;

/// The longest frame: an Ethernet header and 1500 bytes.
pub const MAX_FRAME: usize = 1514;

/// VIRTIO_NET_F_MAC, section 5.1.3.
const MAC: u64 = 1 << 5;
/// VIRTIO_NET_F_STATUS, section 5.1.3.
const STATUS: u64 = 1 << 16;
/// VIRTIO_NET_F_CTRL_VQ and VIRTIO_NET_F_GUEST_ANNOUNCE: the device says so when the guest has been migrated.
const ANNOUNCES: u64 = 1 << 17 | 1 << 21;
/// VIRTIO_F_VERSION_1, section 6.
const VERSION_1: u64 = 1 << 32;
/// Accepted where it is offered, because such a card stops without it. No IOMMU translates, as nobody switches one on.
const ACCESS_PLATFORM: u64 = 1 << 33;

/// Where the device's configuration has its status, and what that says (5.1.4).
const STATUS_FIELD: usize = 6;
const LINK_UP: u16 = 1;
const ANNOUNCE: u16 = 2;
/// The answer to that on the control queue (5.1.6.5.4): class, command, and room for the device's acknowledgement.
const ANNOUNCED: [u8; 3] = [3, 0, 0];

const RECEIVE: u16 = 0;
const TRANSMIT: u16 = 1;
/// Of a device with one pair of queues.
const CONTROL: u16 = 2;

/// Buffers of each queue, one descriptor each.
const BUFFERS: usize = 16;
/// Size of `struct virtio_net_hdr` in bytes (5.1.6). All zeros, it means a frame without offloads. A legacy device's lacks the
/// number of buffers.
const HEADER: usize = 12;
const LEGACY_HEADER: usize = 10;

/// A header and a frame.
type Buffer = [u8; HEADER + MAX_FRAME];

/// Why a card cannot be used, from the start or since it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts say all")]
pub enum CardError {
    NoReset,
    Features,
    NoAddress,
    NoMemory,
    Queue,
    NeedsReset,
    RingCorrupt,
}

impl CardError {
    /// The same in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoReset => "it does not complete a reset",
            Self::Features => "it does not agree to the features it must have",
            Self::NoAddress => "it has no hardware address",
            Self::NoMemory => "no memory left for its buffers",
            Self::Queue => "a virtqueue is missing, too small, or without memory",
            Self::NeedsReset => "it met an error and needs a reset",
            Self::RingCorrupt => "it returned a buffer it did not have",
        }
    }
}

impl fmt::Display for CardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// A network card.
pub struct NetworkCard {
    transport: DeviceTransport,
    receive: ManuallyDrop<Queue>,
    transmit: ManuallyDrop<Queue>,
    header: usize,
    /// `None` if the device does not announce migrations.
    control: ManuallyDrop<Option<Control>>,
    /// Whether it is connected to a network.
    is_up: bool,
    /// Whether it was connected again, or migrated, since somebody asked.
    has_moved: bool,
    /// Whether it has failed. It stays switched off then.
    failed: bool,
}

impl fmt::Debug for NetworkCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkCard")
            .field("transport", &self.transport)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl NetworkCard {
    /// Initialises the card. Also returns its hardware address.
    ///
    /// # Errors
    /// If it cannot be used.
    pub fn new(mut transport: DeviceTransport) -> Result<(Self, [u8; 6]), CardError> {
        let (status, announces) = negotiate(&mut transport)?;
        let mut mac = [0; 6];
        for (place, byte) in mac.iter_mut().enumerate() {
            *byte = transport.read_config_space(place).map_err(|_| CardError::NoAddress)?;
        }
        // A group's address, or none.
        if mac[0] & 1 != 0 || mac == [0; 6] {
            return Err(CardError::NoAddress);
        }
        let receive = Queue::new(&mut transport, RECEIVE)?;
        let transmit = Queue::new(&mut transport, TRANSMIT)?;
        let header = if transport.requires_legacy_layout() { LEGACY_HEADER } else { HEADER };
        let control = if announces { Some(Control::new(&mut transport)?) } else { None };
        let (is_up, has_moved, failed) = (true, false, false);
        let (receive, transmit, control) =
            (ManuallyDrop::new(receive), ManuallyDrop::new(transmit), ManuallyDrop::new(control));
        let mut card = Self { transport, receive, transmit, header, control, is_up, has_moved, failed };
        card.begin(status)?;
        Ok((card, mac))
    }

    /// Resets the card, before the machine sleeps.
    pub fn suspend(&mut self) {
        self.transport.set_status(DeviceStatus::empty());
    }

    /// Initialises the card again. Frames that it had not sent are lost, as any frame may be.
    pub fn resume(&mut self) {
        if !self.failed {
            let resumed = self.restart();
            self.check(resumed);
        }
    }

    /// Acknowledges the card's interrupt, so that it can raise the next one.
    pub fn acknowledge(&mut self) {
        if self.transport.ack_interrupt().contains(InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT) && !self.failed {
            // A device that needs a reset announces that as a change of its configuration (section 2.1.2).
            if self.transport.get_status().contains(DeviceStatus::DEVICE_NEEDS_RESET) {
                self.check::<()>(Err(CardError::NeedsReset));
            }
            self.look_at_link();
        }
    }

    /// Whether the card may be connected to another network than when this was asked last: it was connected again, or the guest was
    /// migrated.
    pub const fn take_moved(&mut self) -> bool {
        core::mem::replace(&mut self.has_moved, false)
    }

    fn look_at_link(&mut self) {
        // A device without the feature is always connected.
        if self.transport.read_device_features() & STATUS == 0 {
            return;
        }
        let status = self.transport.read_config_space::<u16>(STATUS_FIELD).map_or(0, u16::from_le);
        let is_up = status & LINK_UP != 0;
        self.has_moved |= is_up && !self.is_up;
        self.is_up = is_up;
        if let Some(control) = self.control.as_mut().filter(|_| status & ANNOUNCE != 0) {
            self.has_moved = true;
            let answered = control.answer(&mut self.transport);
            self.check(answered);
        }
    }

    /// Copies the next received frame to the beginning of `room`. Returns its length, or `Err` if the card reports a length
    /// that no frame has. `None` if no frame has been received.
    pub fn receive(&mut self, room: &mut [u8; MAX_FRAME]) -> Option<Result<usize, ()>> {
        if self.failed {
            return None;
        }
        let reclaimed = self.receive.reclaim();
        let (buffer, length) = self.check(reclaimed)??;
        let frame = self.receive.buffers[buffer].get(self.header..length).unwrap_or_default();
        let result = match room.get_mut(..frame.len()) {
            Some(room) if !frame.is_empty() => {
                room.copy_from_slice(frame);
                Ok(frame.len())
            }
            _ => Err(()),
        };
        let lent = self.receive.lend_whole(buffer);
        self.check(lent);
        self.receive.notify(&mut self.transport);
        Some(result)
    }

    /// Whether a buffer is free to send a frame from.
    pub fn can_send(&mut self) -> bool {
        while !self.failed {
            let reclaimed = self.transmit.reclaim();
            if self.check(reclaimed).flatten().is_none() {
                break;
            }
        }
        !self.failed && self.transmit.free().is_some()
    }

    /// Sends a frame of at most [`MAX_FRAME`] bytes. Drops it if no buffer is free.
    pub fn send(&mut self, frame: &[u8]) {
        let Some(buffer) = self.transmit.free().filter(|_| !self.failed) else { return };
        let end = self.header + frame.len();
        if let Some(room) = self.transmit.buffers[buffer].get_mut(self.header..end) {
            room.copy_from_slice(frame);
            let lent = self.transmit.lend_filled(buffer, end);
            self.check(lent);
            self.transmit.notify(&mut self.transport);
        }
    }

    fn restart(&mut self) -> Result<(), CardError> {
        let (status, announces) = negotiate(&mut self.transport)?;
        *self.control = if announces { Some(Control::new(&mut self.transport)?) } else { None };
        self.receive.renew(&mut self.transport)?;
        self.transmit.renew(&mut self.transport)?;
        self.begin(status)
    }

    /// The last step of the initialisation: lets the device use its queues, and lends it buffers to receive in.
    fn begin(&mut self, status: DeviceStatus) -> Result<(), CardError> {
        self.transport.set_status(status | DeviceStatus::DRIVER_OK);
        self.look_at_link();
        for buffer in 0..BUFFERS {
            self.receive.lend_whole(buffer)?;
        }
        self.receive.notify(&mut self.transport);
        Ok(())
    }

    /// Returns a result's value. Switches the card off if it is an error.
    fn check<T>(&mut self, result: Result<T, CardError>) -> Option<T> {
        result
            .inspect_err(|error| {
                log!("network card: {}", error.reason());
                self.failed = true;
                // The queues and buffers stay, because the device may still write to them.
                self.transport.set_status(DeviceStatus::empty());
            })
            .ok()
    }
}

impl Drop for NetworkCard {
    /// Resets the card. Memory of one that does not complete that is never given back.
    fn drop(&mut self) {
        if reset(&mut self.transport) {
            // SAFETY: They are dropped once, and not used afterwards.
            unsafe {
                ManuallyDrop::drop(&mut self.receive);
                ManuallyDrop::drop(&mut self.transmit);
                ManuallyDrop::drop(&mut self.control);
            }
        }
    }
}

/// Resets a device and negotiates its features: section 3.1.1, up to step 6. Returns its status, and whether it announces migrations.
fn negotiate(transport: &mut DeviceTransport) -> Result<(DeviceStatus, bool), CardError> {
    if !reset(transport) {
        return Err(CardError::NoReset);
    }
    let mut status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    transport.set_status(status);
    // A legacy device knows neither VERSION_1 nor FEATURES_OK (section 3.1.2).
    let legacy = transport.requires_legacy_layout();
    let (wanted, optional) = if legacy { (MAC, STATUS) } else { (MAC | VERSION_1, STATUS | ACCESS_PLATFORM) };
    let offered = transport.read_device_features();
    if offered & wanted != wanted {
        return Err(CardError::Features);
    }
    let announces = !legacy && offered & (STATUS | ANNOUNCES) == STATUS | ANNOUNCES;
    let more = if announces { ANNOUNCES } else { 0 };
    transport.write_driver_features(wanted | offered & optional | more);
    if !legacy {
        status |= DeviceStatus::FEATURES_OK;
        transport.set_status(status);
        if !transport.get_status().contains(DeviceStatus::FEATURES_OK) {
            return Err(CardError::Features);
        }
    }
    // Legacy devices take the addresses of queues in pages of this size.
    transport.set_guest_page_size(PAGE_SIZE as u32);
    Ok((status, announces))
}

/// The control queue, which is only used to answer announcements.
struct Control {
    queue: VirtQueue<Kept>,
    message: Room<[u8; 3]>,
    /// Whether the device has the message.
    is_lent: bool,
}

impl Control {
    fn new(transport: &mut DeviceTransport) -> Result<Self, CardError> {
        let queue = virtqueue(transport, CONTROL, 1, 2)?;
        let message = Room::new(ANNOUNCED).ok_or(CardError::NoMemory)?;
        Ok(Self { queue, message, is_lent: false })
    }

    /// Tells the device that its announcement was seen. It announces again if it does not see that, so nothing waits for it.
    fn answer(&mut self, transport: &mut DeviceTransport) -> Result<(), CardError> {
        let Self { queue, message, is_lent } = self;
        if *is_lent && queue.take().map_err(|_| CardError::RingCorrupt)?.is_none() {
            return Ok(());
        }
        let (command, acknowledgement) = message.split_at_mut(2);
        // SAFETY: `is_lent` keeps the driver off the message until the device has returned it. It lives until the device is reset.
        unsafe { queue.add(&[command], &mut [acknowledgement]) }.map_err(|_| CardError::Queue)?;
        *is_lent = true;
        if queue.should_notify() {
            transport.notify(CONTROL);
        }
        Ok(())
    }
}

/// A virtqueue and its buffers.
struct Queue {
    number: u16,
    queue: VirtQueue<Kept>,
    buffers: Room<[Buffer; BUFFERS]>,
    /// By token: the buffer that is lent to the device, and how many bytes of it.
    lent: [Option<(usize, usize)>; BUFFERS],
}

impl Queue {
    fn new(transport: &mut DeviceTransport, number: u16) -> Result<Self, CardError> {
        let queue = virtqueue(transport, number, BUFFERS, 1)?;
        let buffers = Room::zeroed().ok_or(CardError::NoMemory)?;
        Ok(Self { number, queue, buffers, lent: [None; BUFFERS] })
    }

    /// Sets the queue up again after a reset of the device, which gave all buffers back.
    fn renew(&mut self, transport: &mut DeviceTransport) -> Result<(), CardError> {
        self.queue = virtqueue(transport, self.number, BUFFERS, 1)?;
        self.lent = [None; BUFFERS];
        Ok(())
    }

    /// A buffer that is not lent to the device.
    fn free(&self) -> Option<usize> {
        let is_lent = |buffer| self.lent.iter().flatten().any(|lent| lent.0 == buffer);
        (0..BUFFERS).find(|&buffer| !is_lent(buffer))
    }

    /// Lends a buffer for the device to write to.
    fn lend_whole(&mut self, buffer: usize) -> Result<(), CardError> {
        let room = &mut self.buffers[buffer];
        let length = room.len();
        // SAFETY: `lent` keeps the driver off the buffer until `reclaim` has it back. It lives until the device is reset.
        let token = unsafe { self.queue.add(&[], &mut [room]) };
        self.remember(token, (buffer, length))
    }

    /// Lends the beginning of a buffer for the device to read.
    fn lend_filled(&mut self, buffer: usize, length: usize) -> Result<(), CardError> {
        // SAFETY: As above.
        let token = unsafe { self.queue.add(&[&self.buffers[buffer][..length]], &mut []) };
        self.remember(token, (buffer, length))
    }

    fn remember(&mut self, token: virtio_drivers::Result<u16>, lent: (usize, usize)) -> Result<(), CardError> {
        let place = token.ok().and_then(|token| self.lent.get_mut(usize::from(token))).ok_or(CardError::Queue)?;
        *place = Some(lent);
        Ok(())
    }

    /// Notifies the device that buffers were lent, unless it asked not to be.
    fn notify(&self, transport: &mut DeviceTransport) {
        if self.queue.should_notify() {
            transport.notify(self.number);
        }
    }

    /// Takes back the next buffer that the device has used. Returns it and how many of its bytes the device says it used, at
    /// most those that were lent.
    fn reclaim(&mut self) -> Result<Option<(usize, usize)>, CardError> {
        let Some((token, used)) = self.queue.take().map_err(|_| CardError::RingCorrupt)? else { return Ok(None) };
        let lent = self.lent.get_mut(usize::from(token)).and_then(Option::take);
        let (buffer, length) = lent.ok_or(CardError::RingCorrupt)?;
        Ok(Some((buffer, length.min(used as usize))))
    }
}

fn virtqueue(
    transport: &mut DeviceTransport,
    number: u16,
    requests: usize,
    chain: usize,
) -> Result<VirtQueue<Kept>, CardError> {
    VirtQueue::new(transport, number, requests, chain).map_err(|_| CardError::Queue)
}
