//! The trait of a disk.

use crate::error::Error;

/// The unit of addresses and sizes on a disk, in bytes, whatever the size of its blocks.
pub const SECTOR: usize = 512;

/// The size of the blocks in which disks are read and written, in bytes. Also the largest logical block that a disk may have.
pub const BLOCK: usize = 4096;

/// The most bytes that one call reads or writes.
pub const MAX_TRANSFER: usize = 8 * BLOCK;

/// A disk.
///
/// Reads and writes are of whole blocks of [`BLOCK`] bytes, at a multiple of that, and of at most [`MAX_TRANSFER`] bytes. Only the
/// last block of a disk may be shorter.
pub trait BlockDevice {
    /// The size of the disk, in sectors.
    fn sectors(&self) -> u64;

    /// The size of the disk's logical blocks, in bytes: a power of two from [`SECTOR`] to [`BLOCK`]. Partition tables count in them.
    fn logical_block(&self) -> usize {
        SECTOR
    }

    /// Whether the disk cannot be written to.
    fn is_read_only(&self) -> bool;

    /// All bytes of a disk that lies in memory. Nothing else is called for them then.
    fn memory(&mut self) -> Option<&mut [u8]> {
        None
    }

    /// Fills `bytes` with what the disk has from `sector` on.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk fails.
    fn read(&mut self, sector: u64, bytes: &mut [u8]) -> Result<(), Error>;

    /// Writes `bytes` from `sector` on. They are on stable storage once [`flush`](Self::flush) has returned.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk fails.
    fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error>;

    /// Brings everything that was written to stable storage.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk fails. What was written since the last flush may be lost then.
    fn flush(&mut self) -> Result<(), Error>;

    /// Gives `count` sectors and what they hold back to the host. Returns how many the host took.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the disk does not support that, [`Error::Io`] if it fails.
    fn discard(&mut self, sector: u64, count: u64) -> Result<u64, Error>;
}
