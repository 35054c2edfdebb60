//! What a disk is.

use crate::error::Error;

/// What disks count in, whatever their blocks are.
pub const SECTOR: usize = 512;

/// How many bytes are read and written at a time; the largest logical block of a disk.
pub const BLOCK: usize = 4096;

/// What a volume can be on.
///
/// Reads and writes are of whole blocks of [`BLOCK`] bytes at multiples of them, but for the last one of a disk.
pub trait BlockDevice {
    /// How many sectors it has.
    fn sectors(&self) -> u64;

    /// Whether it cannot be written to.
    fn is_read_only(&self) -> bool;

    /// Reads from `sector` on.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk cannot.
    fn read(&mut self, sector: u64, bytes: &mut [u8]) -> Result<(), Error>;

    /// Writes from `sector` on. It is safe when [`flush`](Self::flush) has returned.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk cannot.
    fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error>;

    /// Makes safe what was written.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk cannot; what was written since the last flush may be lost then.
    fn flush(&mut self) -> Result<(), Error>;

    /// Gives sectors back to the host, whatever they hold; returns how many it has.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the disk does not do that, [`Error::Io`] if it cannot.
    fn discard(&mut self, sector: u64, count: u64) -> Result<u64, Error>;
}
