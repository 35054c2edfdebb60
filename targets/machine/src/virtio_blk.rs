//! A driver for virtio block devices (virtio 1.2, section 5.2).
//!
//! Own code, because the driver of the crate `virtio-drivers` cannot discard, panics on buffers of odd sizes and waits for
//! ever. This one performs one request at a time, in memory of its own, and waits for at most [`PATIENCE_NS`], asleep if that is long.
//! It resets a device that takes longer or breaks the rules of the queue, and uses it only after [`VirtioBlk::restart`].

mod waiting;

use core::fmt;
use core::mem;
use core::ptr::NonNull;
use core::slice;

use virtio_drivers::transport::{DeviceStatus, Transport};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

pub use self::waiting::PATIENCE_NS;
use self::waiting::wait;
use crate::transport::reset;
use crate::virtqueue::VirtQueue;

/// The unit of addresses and sizes on a disk, in bytes, whatever the size of its blocks.
pub const SECTOR: usize = 512;
/// The largest size of a device's blocks, in bytes.
pub const BLOCK: usize = 4096;
/// The most bytes that a request can read or write. A request costs as much as copying some ten KiB.
pub const MAX_TRANSFER: usize = 32 << 10;

const QUEUE: u16 = 0;
/// Buffers of a request: a header, the data and a status.
const CHAIN: usize = 3;

// Feature bits (5.2.3, 6).
const READ_ONLY: u64 = 1 << 5;
const BLOCK_SIZE: u64 = 1 << 6;
const FLUSH: u64 = 1 << 9;
const DISCARD: u64 = 1 << 13;
const VERSION_1: u64 = 1 << 32;
/// Accepted where it is offered, because such a device stops without it. No IOMMU translates, as nobody switches one on.
const ACCESS_PLATFORM: u64 = 1 << 33;

// Offsets in the device's configuration (5.2.4), in bytes.
const CAPACITY: usize = 0;
const BLOCK_BYTES: usize = 20;
const MAX_DISCARD_SECTORS: usize = 36;
const DISCARD_ALIGNMENT: usize = 44;

// Results of a request (5.2.6).
const STATUS_OK: u8 = 0;
const STATUS_UNSUPPORTED: u8 = 2;
/// No device writes this status: the request has no result yet.
const STATUS_NONE: u8 = 0xff;

/// The kind of a request (5.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read = 0,
    Write = 1,
    Flush = 4,
    Identify = 8,
    Discard = 11,
}

/// Size of a serial number, in bytes.
pub const SERIAL_BYTES: usize = 20;

/// Counters of one kind of request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Requests that the device has completed, with whatever result.
    pub requests: u64,
    /// Sectors that they read, wrote or discarded.
    pub sectors: u64,
    /// Time that they took, in nanoseconds.
    pub ns: u64,
}

/// Counters of a disk since it was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub struct Statistics {
    pub reads: Done,
    pub writes: Done,
    pub flushes: Done,
    pub discards: Done,
}

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

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The device reported an error, did not answer, or is no longer used.
    Io,
    /// The device does not support the request.
    Unsupported,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io => "the device could not do that",
            Self::Unsupported => "the device does not do that",
        })
    }
}

/// The memory that the driver shares with the device. While a request is in progress, it is the device's.
#[repr(C, align(4096))]
struct Request {
    data: [u8; MAX_TRANSFER],
    header: [u8; 16],
    status: u8,
}

const PAGES: usize = size_of::<Request>() / PAGE_SIZE;

/// What a device has told about itself.
#[derive(Clone, Copy, Debug)]
struct Properties {
    features: u64,
    sectors: u64,
    /// The size of a logical block, in bytes.
    block: usize,
    /// The most sectors in one discard, and the multiple of sectors at which it must begin and end.
    max_discard: u32,
    discard_alignment: u32,
}

/// A virtio block device.
pub struct VirtioBlk<H: Hal, T: Transport> {
    transport: T,
    /// `None` after a reset, until the device is restarted.
    queue: Option<VirtQueue<H>>,
    address: PhysAddr,
    request: NonNull<Request>,
    clock: fn() -> Option<u64>,
    nap: fn(u64, bool),
    properties: Properties,
    statistics: Statistics,
}

impl<H: Hal, T: Transport> fmt::Debug for VirtioBlk<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtioBlk")
            .field("properties", &self.properties)
            .field("used", &self.queue.is_some())
            .finish_non_exhaustive()
    }
}

impl<H: Hal, T: Transport> VirtioBlk<H, T> {
    /// Initialises the device. `clock` returns monotonic nanoseconds, or `None` on a machine without a clock. `nap` sleeps until a
    /// device interrupts, for no longer than so many nanoseconds. With `true`, a device that does not let go of its interrupt ends no
    /// second sleep.
    ///
    /// # Errors
    /// If the device cannot be used. It has been reset then, unless it does not complete a reset.
    pub fn new(mut transport: T, clock: fn() -> Option<u64>, nap: fn(u64, bool)) -> Result<Self, Unusable> {
        let (queue, properties) = start(&mut transport)?;
        let (address, request) = H::dma_alloc(PAGES, BufferDirection::Both);
        if address == 0 {
            return Err(give_up(&mut transport, Unusable::NoMemory));
        }
        let (queue, request) = (Some(queue), request.cast());
        Ok(Self { transport, queue, address, request, clock, nap, properties, statistics: Statistics::default() })
    }

    /// Resets the device, before the machine sleeps. All requests fail until [`restart`](Self::restart).
    pub fn stop(&mut self) {
        if reset(&mut self.transport) {
            self.queue = None;
        } else {
            // The device may still write to the queue, so its memory must not be reused.
            mem::forget(self.queue.take());
        }
    }

    /// Initialises the device again, also after a failure or after a reset that the driver did not do.
    ///
    /// # Errors
    /// If the device can no longer be used.
    pub fn restart(&mut self) -> Result<(), Unusable> {
        self.stop();
        let (queue, properties) = start(&mut self.transport)?;
        (self.queue, self.properties) = (Some(queue), properties);
        Ok(())
    }

    /// The counters.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Acknowledges the device's interrupt, which a change of its configuration may have raised.
    pub fn acknowledge_interrupt(&mut self) {
        self.transport.ack_interrupt();
    }

    /// The device's serial number, which ends at the first zero byte.
    ///
    /// # Errors
    /// If the device does not tell it.
    pub fn serial(&mut self) -> Result<[u8; SERIAL_BYTES], Error> {
        let mut serial = [0; SERIAL_BYTES];
        self.perform(Kind::Identify, 0, SERIAL_BYTES, &[])?;
        serial.copy_from_slice(&self.data()[..SERIAL_BYTES]);
        Ok(serial)
    }

    /// The size of the disk, in sectors.
    pub const fn sectors(&self) -> u64 {
        self.properties.sectors
    }

    /// The size of the disk's logical blocks, in bytes: a power of two from [`SECTOR`] to [`BLOCK`].
    pub const fn logical_block(&self) -> usize {
        self.properties.block
    }

    /// Whether the disk cannot be written to.
    pub const fn is_read_only(&self) -> bool {
        self.properties.features & READ_ONLY != 0
    }

    /// Fills `bytes`, at most [`MAX_TRANSFER`], with what the disk has from `sector` on.
    ///
    /// # Errors
    /// [`Error::Io`] if the device fails, or if that is not on the disk.
    pub fn read(&mut self, sector: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.inside(sector, (bytes.len() / SECTOR) as u64)?;
        self.perform(Kind::Read, sector, bytes.len(), &[]).map_err(|_| Error::Io)?;
        bytes.copy_from_slice(&self.data()[..bytes.len()]);
        Ok(())
    }

    /// Writes `bytes`, at most [`MAX_TRANSFER`], from `sector` on. They are on stable storage once [`flush`](Self::flush) has returned.
    ///
    /// # Errors
    /// [`Error::Io`] if the device fails, or if that is not on the disk.
    pub fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error> {
        self.inside(sector, (bytes.len() / SECTOR) as u64)?;
        self.perform(Kind::Write, sector, bytes.len(), bytes).map_err(|_| Error::Io)
    }

    /// Brings everything that was written to stable storage.
    ///
    /// # Errors
    /// [`Error::Io`] if the device fails.
    pub fn flush(&mut self) -> Result<(), Error> {
        // Without the feature a completed write is already on stable storage (5.2.6.2).
        if self.properties.features & FLUSH == 0 {
            return Ok(());
        }
        self.perform(Kind::Flush, 0, 0, &[]).map_err(|_| Error::Io)
    }

    /// Gives `count` sectors and what they hold back to the host, as far as the device's alignment allows. Returns how many.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the device does not support that, [`Error::Io`] if it fails.
    pub fn discard(&mut self, sector: u64, count: u64) -> Result<u64, Error> {
        self.inside(sector, count)?;
        if self.properties.max_discard == 0 {
            return Err(Error::Unsupported);
        }
        let alignment = u64::from(self.properties.discard_alignment);
        let end = (sector + count) / alignment * alignment;
        let first = sector.next_multiple_of(alignment);
        let mut next = first;
        while next < end {
            let count = (end - next).min(self.properties.max_discard.into());
            let mut segment = [0; 16];
            segment[..8].copy_from_slice(&next.to_le_bytes());
            segment[8..12].copy_from_slice(&(count as u32).to_le_bytes());
            self.perform(Kind::Discard, 0, segment.len(), &segment)?;
            self.statistics.discards.sectors += count;
            next += count;
        }
        Ok(next - first.min(next))
    }

    /// The data of the last request.
    fn data(&self) -> &[u8; MAX_TRANSFER] {
        // SAFETY: The memory is ours, and no request is in progress between two calls of `perform`, or the device has been
        // reset.
        unsafe { &(*self.request.as_ptr()).data }
    }

    /// Performs a request with `length` bytes of data: `from`, which the device reads, or what it writes. Zeros are where it writes
    /// less than it should.
    fn perform(&mut self, kind: Kind, sector: u64, length: usize, from: &[u8]) -> Result<(), Error> {
        let Some(queue) = self.queue.as_mut().filter(|_| (from.len()..=MAX_TRANSFER).contains(&length)) else {
            return Err(Error::Io);
        };
        let start = (self.clock)();
        // SAFETY: The memory is this value's for good, holds a `Request`, and no request is in progress: nobody else has it.
        let request = unsafe { &mut *self.request.as_ptr() };
        request.header[..4].copy_from_slice(&(kind as u32).to_le_bytes());
        request.header[4..8].fill(0);
        request.header[8..].copy_from_slice(&sector.to_le_bytes());
        request.status = STATUS_NONE;
        // A serial number may be shorter than the device says. Of what is read, only what the device did not write is cleared.
        let clear_from = if kind == Kind::Read { length } else { from.len() };
        request.data.get_mut(clear_from..length).unwrap_or_default().fill(0);
        request.data[..from.len()].copy_from_slice(from);
        let Request { header, data, status } = request;
        let data = &mut data[..length];
        let (inputs, outputs): (&[&[u8]], &mut [&mut [u8]]) = match kind {
            Kind::Flush => (&[&*header], &mut [slice::from_mut(status)]),
            Kind::Write | Kind::Discard => (&[&*header, &*data], &mut [slice::from_mut(status)]),
            Kind::Read | Kind::Identify => (&[&*header], &mut [data, slice::from_mut(status)]),
        };
        // SAFETY: The buffers are in memory of this value's own that is not freed before the device is reset, and nobody
        // touches them until `take` gives them back or the device has been reset.
        let added = unsafe { queue.add(inputs, outputs) };
        if queue.should_notify() {
            self.transport.notify(QUEUE);
        }
        let answered = added.is_ok() && wait(queue, &mut self.transport, self.clock, self.nap);
        let Some((_, written)) = queue.take().ok().flatten().filter(|_| answered) else {
            self.stop();
            return Err(Error::Io);
        };
        if kind == Kind::Read {
            // SAFETY: The device has given the memory back.
            let data = unsafe { &mut (*self.request.as_ptr()).data };
            // The last byte that it wrote is the status.
            let unwritten = (written as usize).saturating_sub(1)..length;
            data.get_mut(unwritten).unwrap_or_default().fill(0);
        }
        // SAFETY: The device has given the byte back; it may be anything.
        let status = unsafe { (&raw const (*self.request.as_ptr()).status).read_volatile() };
        let sectors = match kind {
            Kind::Read | Kind::Write => (length / SECTOR) as u64,
            _ => 0,
        };
        let ns = (self.clock)().zip(start).map_or(0, |(now, start)| now.saturating_sub(start));
        if let Some(done) = self.counters(kind) {
            done.requests += 1;
            done.sectors += sectors;
            done.ns += ns;
        }
        match status {
            STATUS_OK => Ok(()),
            STATUS_UNSUPPORTED => Err(Error::Unsupported),
            _ => Err(Error::Io),
        }
    }

    const fn counters(&mut self, kind: Kind) -> Option<&mut Done> {
        let Statistics { reads, writes, flushes, discards } = &mut self.statistics;
        match kind {
            Kind::Read => Some(reads),
            Kind::Write => Some(writes),
            Kind::Flush => Some(flushes),
            Kind::Discard => Some(discards),
            Kind::Identify => None,
        }
    }

    fn inside(&self, sector: u64, count: u64) -> Result<(), Error> {
        let end = sector.checked_add(count);
        if end.is_some_and(|end| end <= self.properties.sectors) { Ok(()) } else { Err(Error::Io) }
    }
}

impl<H: Hal, T: Transport> Drop for VirtioBlk<H, T> {
    fn drop(&mut self) {
        self.stop();
        if reset(&mut self.transport) {
            // SAFETY: The pages are given back as they were got, this once, and the device is quiet. That they cannot be
            // given back only loses them.
            let _ = unsafe { H::dma_dealloc(self.address, self.request.cast(), PAGES) };
        }
    }
}

/// Initialises a device (3.1.1).
fn start<H: Hal, T: Transport>(transport: &mut T) -> Result<(VirtQueue<H>, Properties), Unusable> {
    if !reset(transport) {
        return Err(Unusable::NoReset);
    }
    let mut status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    transport.set_status(status);
    let (required, optional) = if transport.requires_legacy_layout() { (0, 0) } else { (VERSION_1, ACCESS_PLATFORM) };
    let features = transport.read_device_features() & (READ_ONLY | BLOCK_SIZE | FLUSH | DISCARD | optional | required);
    transport.write_driver_features(features);
    if required != 0 {
        status |= DeviceStatus::FEATURES_OK;
        transport.set_status(status);
    }
    if features & required != required || !transport.get_status().contains(status) {
        return Err(give_up(transport, Unusable::Features));
    }

    let word = |transport: &T, at: usize| transport.read_config_space::<u32>(at).map_or(0, u32::from_le);
    let [low, high] = [0, 4].map(|half| u64::from(word(transport, CAPACITY + half)));
    let block = if features & BLOCK_SIZE == 0 { SECTOR } else { word(transport, BLOCK_BYTES) as usize };
    if !block.is_power_of_two() || !(SECTOR..=BLOCK).contains(&block) {
        return Err(give_up(transport, Unusable::OddBlocks));
    }
    let sectors = high << 32 | low;
    let in_sectors = (block / SECTOR) as u32;
    let mut properties = Properties { features, sectors, block, max_discard: 0, discard_alignment: in_sectors };
    if features & DISCARD != 0 {
        // A multiple of the block, which is a power of two.
        properties.max_discard = word(transport, MAX_DISCARD_SECTORS) & !(in_sectors - 1);
        properties.discard_alignment = word(transport, DISCARD_ALIGNMENT).max(in_sectors);
    }

    transport.set_guest_page_size(PAGE_SIZE as u32);
    let Ok(mut queue) = VirtQueue::new(transport, QUEUE, 1, CHAIN) else {
        return Err(give_up(transport, Unusable::Queue));
    };
    // `wait` asks for interrupts when it needs them.
    queue.set_interrupts(false);
    transport.set_status(status | DeviceStatus::DRIVER_OK);
    Ok((queue, properties))
}

fn give_up(transport: &mut impl Transport, why: Unusable) -> Unusable {
    if reset(transport) { why } else { Unusable::NoReset }
}

#[cfg(test)]
mod tests;
