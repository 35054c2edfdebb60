//! A driver for virtio block devices (virtio 1.2, section 5.2).
//!
//! Own code, because the driver of the crate `virtio-drivers` cannot discard, panics on buffers of odd sizes and waits for
//! ever.

use core::fmt;
use core::ops::Range;

use virtio_drivers::Hal;
use virtio_drivers::transport::{DeviceStatus, Transport};

use crate::exchange::{AnswerIs, CHAIN, Data, Exchange, agree, give_up};
pub use crate::exchange::{MAX_TRANSFER, PATIENCE_NS, Unusable};
use crate::virtqueue::VirtQueue;

/// The unit of addresses and sizes on a disk, in bytes, whatever the size of its blocks.
pub const SECTOR: usize = 512;
/// The largest size of a device's blocks, in bytes.
pub const BLOCK: usize = 4096;
const QUEUE: u16 = 0;

// Feature bits (5.2.3, 6).
const READ_ONLY: u64 = 1 << 5;
const BLOCK_SIZE: u64 = 1 << 6;
const FLUSH: u64 = 1 << 9;
const DISCARD: u64 = 1 << 13;

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

impl Done {
    /// Counts a request for so many bytes.
    pub(crate) const fn note(&mut self, bytes: usize, ns: u64) {
        self.requests += 1;
        self.sectors += (bytes / SECTOR) as u64;
        self.ns += ns;
    }
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
    exchange: Exchange<H, T>,
    properties: Properties,
    statistics: Statistics,
}

impl<H: Hal, T: Transport> fmt::Debug for VirtioBlk<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtioBlk")
            .field("properties", &self.properties)
            .field("used", &self.exchange.is_started())
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
        let exchange = Exchange::new(transport, QUEUE, queue, clock, nap)?;
        Ok(Self { exchange, properties, statistics: Statistics::default() })
    }

    /// Resets the device, before the machine sleeps. All requests fail until [`restart`](Self::restart).
    pub fn stop(&mut self) {
        self.exchange.stop();
    }

    /// Initialises the device again, also after a failure or after a reset that the driver did not do.
    ///
    /// # Errors
    /// If the device can no longer be used.
    pub fn restart(&mut self) -> Result<(), Unusable> {
        self.stop();
        let (queue, properties) = start(&mut self.exchange.transport)?;
        self.exchange.start(queue);
        self.properties = properties;
        Ok(())
    }

    /// The counters.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Acknowledges the device's interrupt, which a change of its configuration may have raised.
    pub fn acknowledge_interrupt(&mut self) {
        self.exchange.transport.ack_interrupt();
    }

    /// The device's serial number, which ends at the first zero byte.
    ///
    /// # Errors
    /// If the device does not tell it.
    pub fn serial(&mut self) -> Result<[u8; SERIAL_BYTES], Error> {
        self.perform(Kind::Identify, 0, Data::In(SERIAL_BYTES))?;
        self.exchange.data().first_chunk().copied().ok_or(Error::Io)
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
        self.perform(Kind::Read, sector, Data::In(bytes.len())).map_err(|_| Error::Io)?;
        self.exchange.copy_data(bytes).ok_or(Error::Io)
    }

    /// Writes `bytes`, at most [`MAX_TRANSFER`], from `sector` on. They are on stable storage once [`flush`](Self::flush) has returned.
    ///
    /// # Errors
    /// [`Error::Io`] if the device fails, or if that is not on the disk.
    pub fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error> {
        self.inside(sector, (bytes.len() / SECTOR) as u64)?;
        self.perform(Kind::Write, sector, Data::Out(bytes)).map_err(|_| Error::Io)
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
        self.perform(Kind::Flush, 0, Data::In(0)).map_err(|_| Error::Io)
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
        let whole = aligned(sector..sector + count, self.properties.discard_alignment.into());
        let mut next = whole.start;
        while next < whole.end {
            let count = (whole.end - next).min(self.properties.max_discard.into());
            // The first sector, how many, and no flags (5.2.6).
            let segment = (u128::from(next) | u128::from(count as u32) << 64).to_le_bytes();
            self.perform(Kind::Discard, 0, Data::Out(&segment))?;
            self.statistics.discards.sectors += count;
            next += count;
        }
        Ok(next - whole.start)
    }

    /// Performs a request.
    fn perform(&mut self, kind: Kind, sector: u64, data: Data<'_>) -> Result<(), Error> {
        let header = (u128::from(kind as u32) | u128::from(sector) << 64).to_le_bytes();
        let answer = (AnswerIs::BehindData, 1, STATUS_NONE);
        let ns = self.exchange.perform(&header, data, answer).ok_or(Error::Io)?;
        let bytes = match (kind, data) {
            (Kind::Read, Data::In(length)) => length,
            (Kind::Write, Data::Out(bytes)) => bytes.len(),
            _ => 0,
        };
        if let Some(done) = self.counters(kind) {
            done.note(bytes, ns);
        }
        match self.exchange.answer()[0] {
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

/// The part of a range of sectors that begins and ends at a multiple of `alignment`.
pub(crate) fn aligned(sectors: Range<u64>, alignment: u64) -> Range<u64> {
    let end = sectors.end.checked_div(alignment).unwrap_or(0) * alignment;
    sectors.start.checked_next_multiple_of(alignment).unwrap_or(end)..end
}

/// Initialises a device.
fn start<H: Hal, T: Transport>(transport: &mut T) -> Result<(VirtQueue<H>, Properties), Unusable> {
    let (features, status) = agree(transport, READ_ONLY | BLOCK_SIZE | FLUSH | DISCARD)?;
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

    let Ok(mut queue) = VirtQueue::new(transport, QUEUE, 1, CHAIN) else {
        return Err(give_up(transport, Unusable::Queue));
    };
    // `wait` asks for interrupts when it needs them.
    queue.set_interrupts(false);
    transport.set_status(status | DeviceStatus::DRIVER_OK);
    Ok((queue, properties))
}

#[cfg(test)]
mod tests;
