//! Requests to a virtio device that serves a disk, one at a time, in memory of their own.
//!
//! A request is a header and data that the device reads, and an answer and data that it writes. Whoever asks waits for at most
//! [`PATIENCE_NS`], asleep if that is long. A device that takes longer or breaks the rules of the queue is reset, and used only after it was started again.

mod waiting;

use core::mem;
use core::ptr::NonNull;

use virtio_drivers::transport::{DeviceStatus, Transport};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

pub use self::waiting::PATIENCE_NS;
use self::waiting::wait;
use crate::transport::reset;
use crate::virtqueue::VirtQueue;

/// The most bytes of data in a request. It costs as much as copying some ten KiB.
pub const MAX_TRANSFER: usize = 32 << 10;
/// The largest header and answer, in bytes.
const MAX_HEADER: usize = 64;
const MAX_ANSWER: usize = 128;
/// Buffers for other queues: how many, and the size of one in bytes.
pub(crate) const SPARES: usize = 4;
pub(crate) const SPARE: usize = 16;
/// Data of fewer bytes is cleared before a request, because a device may claim to have written more of it than it has.
const SMALL: usize = 512;

/// Buffers of a request: a header, the data and an answer.
pub(crate) const CHAIN: usize = 3;

const VERSION_1: u64 = 1 << 32;
/// Accepted where it is offered, because such a device stops without it. No IOMMU translates, as nobody switches one on.
const ACCESS_PLATFORM: u64 = 1 << 33;

/// Why a device cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts say all")]
pub enum Unusable {
    Features,
    NoMemory,
    NoReset,
    OddBlocks,
    Queue,
}

impl Unusable {
    /// The same in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Features => "the device does not agree to the features it must have",
            Self::NoMemory => "no memory for the device's queue",
            Self::NoReset => "the device does not complete a reset",
            Self::OddBlocks => "the device has blocks of an odd size",
            Self::Queue => "the device's queue cannot be used",
        }
    }
}

impl core::fmt::Display for Unusable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.reason())
    }
}

/// The data of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Data<'a> {
    /// So many bytes that the device writes.
    In(usize),
    /// What the device reads.
    Out(&'a [u8]),
}

/// Where in the part that the device writes its answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerIs {
    /// Such an answer itself says how much data there is: the kernel's vhost devices say of no request how much they have written.
    BeforeData,
    BehindData,
}

/// The memory that the driver shares with the device. While a request is in progress, it is the device's.
#[repr(C, align(4096))]
struct Memory {
    data: [u8; MAX_TRANSFER],
    header: [u8; MAX_HEADER],
    answer: [u8; MAX_ANSWER],
    spare: [[u8; SPARE]; SPARES],
}

const PAGES: usize = size_of::<Memory>() / PAGE_SIZE;

/// A device, its queue for requests, and the memory of one request.
pub(crate) struct Exchange<H: Hal, T: Transport> {
    pub(crate) transport: T,
    number: u16,
    /// `None` after a reset, until the device is started again.
    queue: Option<VirtQueue<H>>,
    address: PhysAddr,
    memory: NonNull<Memory>,
    clock: fn() -> Option<u64>,
    nap: fn(u64, bool),
}

impl<H: Hal, T: Transport> Exchange<H, T> {
    /// For a device that is started already, with queue `number`.
    ///
    /// # Errors
    /// Without memory. The device has been reset then.
    pub(crate) fn new(
        mut transport: T,
        number: u16,
        queue: VirtQueue<H>,
        clock: fn() -> Option<u64>,
        nap: fn(u64, bool),
    ) -> Result<Self, Unusable> {
        let (address, memory) = H::dma_alloc(PAGES, BufferDirection::Both);
        if address == 0 {
            return Err(give_up(&mut transport, Unusable::NoMemory));
        }
        Ok(Self { transport, number, queue: Some(queue), address, memory: memory.cast(), clock, nap })
    }

    pub(crate) const fn is_started(&self) -> bool {
        self.queue.is_some()
    }

    /// Resets the device. All requests fail until [`start`](Self::start). Returns whether the reset was completed: if not, the device
    /// may still write to its memory.
    pub(crate) fn stop(&mut self) -> bool {
        let is_reset = reset(&mut self.transport);
        match is_reset {
            true => self.queue = None,
            false => mem::forget(self.queue.take()),
        }
        is_reset
    }

    /// Goes on with the queue of a device that was started again.
    pub(crate) fn start(&mut self, queue: VirtQueue<H>) {
        self.queue = Some(queue);
    }

    /// One of the buffers for other queues. What a device writes there is not read.
    pub(crate) fn spare(&mut self, number: usize) -> Option<&mut [u8; SPARE]> {
        // SAFETY: The memory is ours, is not freed before the device is reset, and nobody else has a reference to this part.
        unsafe { &mut (*self.memory.as_ptr()).spare }.get_mut(number)
    }

    /// Copies the data of the last request. `None` if it cannot have been as long.
    pub(crate) fn copy_data(&self, into: &mut [u8]) -> Option<()> {
        into.copy_from_slice(self.data().get(..into.len())?);
        Some(())
    }

    /// The data of the last request, of which only as much counts as was answered.
    pub(crate) fn data(&self) -> &[u8; MAX_TRANSFER] {
        // SAFETY: The memory is ours, and no request is in progress between two calls of `perform`, or the device has been
        // reset.
        unsafe { &(*self.memory.as_ptr()).data }
    }

    /// The answer to the last request. The device may have left some of it as it was: zeros, or `unanswered`.
    pub(crate) fn answer(&self) -> &[u8; MAX_ANSWER] {
        // SAFETY: As above.
        unsafe { &(*self.memory.as_ptr()).answer }
    }

    /// Performs a request with an answer of so many bytes. Each of these is `unanswered` before. Data that the device should have
    /// written and has not is zeros. Returns the time that the request took, in nanoseconds, or 0 without a clock. `None` if the
    /// device did not answer, and for data that is too long.
    pub(crate) fn perform(
        &mut self,
        header: &[u8],
        data: Data<'_>,
        (answer_is, answer_length, unanswered): (AnswerIs, usize, u8),
    ) -> Option<u64> {
        let queue = self.queue.as_mut()?;
        let start = (self.clock)();
        let memory = self.memory.as_ptr();
        // SAFETY: The memory is this value's for good, holds a `Memory`, and no request is in progress: nobody else has these parts.
        let (into, answer, shared) = unsafe { (&mut (*memory).header, &mut (*memory).answer, &mut (*memory).data) };
        into.iter_mut().zip(header).for_each(|(place, byte)| *place = *byte);
        let header = into.get(..header.len())?;
        let answer = answer.get_mut(..answer_length)?;
        answer.fill(unanswered);
        let length = match data {
            Data::In(length) => length,
            Data::Out(bytes) => bytes.len(),
        };
        let shared = shared.get_mut(..length)?;
        let added = match (data, answer_is) {
            // SAFETY: The buffers are in memory of this value's own that is not freed before the device is reset, and nobody
            // touches them until `take` gives them back or the device has been reset.
            _ if length == 0 => unsafe { queue.add(&[header], &mut [answer]) },
            (Data::Out(bytes), _) => {
                shared.copy_from_slice(bytes);
                // SAFETY: As above.
                unsafe { queue.add(&[header, shared], &mut [answer]) }
            }
            (Data::In(_), order) => {
                if length < SMALL || order == AnswerIs::BeforeData {
                    shared.fill(0);
                }
                let mut both = if order == AnswerIs::BeforeData { [answer, shared] } else { [shared, answer] };
                // SAFETY: As above.
                unsafe { queue.add(&[header], &mut both) }
            }
        };
        if queue.should_notify() {
            self.transport.notify(self.number);
        }
        let answered = added.is_ok() && wait(queue, &mut self.transport, self.clock, self.nap);
        let Some((_, written)) = queue.take().ok().flatten().filter(|_| answered) else {
            self.stop();
            return None;
        };
        if let (Data::In(_), AnswerIs::BehindData) = (data, answer_is) {
            // SAFETY: The device has given the memory back.
            let shared = unsafe { &mut (*self.memory.as_ptr()).data };
            let unwritten = (written as usize).saturating_sub(answer_length)..length;
            shared.get_mut(unwritten).unwrap_or_default().fill(0);
        }
        Some((self.clock)().zip(start).map_or(0, |(now, start)| now.saturating_sub(start)))
    }
}

impl<H: Hal, T: Transport> Drop for Exchange<H, T> {
    fn drop(&mut self) {
        if self.stop() {
            // SAFETY: The pages are given back as they were got, this once, and the device is quiet. That they cannot be
            // given back only loses them.
            let _ = unsafe { H::dma_dealloc(self.address, self.memory.cast(), PAGES) };
        }
    }
}

/// Begins to initialise a device (3.1.1): returns the features of `wanted` that it has, and what its status is now.
///
/// # Errors
/// If the device does not agree to them, or does not complete a reset.
pub(crate) fn agree(transport: &mut impl Transport, wanted: u64) -> Result<(u64, DeviceStatus), Unusable> {
    if !reset(transport) {
        return Err(Unusable::NoReset);
    }
    let mut status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    transport.set_status(status);
    let (required, optional) = if transport.requires_legacy_layout() { (0, 0) } else { (VERSION_1, ACCESS_PLATFORM) };
    let features = transport.read_device_features() & (wanted | optional | required);
    transport.write_driver_features(features);
    if required != 0 {
        status |= DeviceStatus::FEATURES_OK;
        transport.set_status(status);
    }
    if features & required != required || !transport.get_status().contains(status) {
        return Err(give_up(transport, Unusable::Features));
    }
    transport.set_guest_page_size(PAGE_SIZE as u32);
    Ok((features, status))
}

/// Resets a device that is not used.
pub(crate) fn give_up(transport: &mut impl Transport, why: Unusable) -> Unusable {
    if reset(transport) { why } else { Unusable::NoReset }
}
