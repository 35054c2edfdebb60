//! Disks, and the FAT volume on one of them: everything but the driver of the device itself, and tested on the host.
//!
//! From the device up: [`Cache`] holds back what is written until it is to be safe, `Volume` knows the paths and files of one
//! FAT file system through the crate that understands FAT, and `OpenFiles` has the handles. Nothing that is found on a disk is
//! trusted: it may be damaged, or made to do damage.

mod boot_sector;
mod cache;
mod files;
mod partitions;
mod ram_disk;
mod table;
mod volume;

pub use self::boot_sector::Geometry;
pub use self::cache::{BLOCK, Cache};
pub use self::files::OpenFiles;
pub use self::partitions::{Partition, Partitions, Place, find_partitions, find_volume};
pub use self::ram_disk::RamDisk;
pub use self::volume::{Space, Volume};

/// What disks count in, whatever their blocks are.
pub const SECTOR: usize = 512;

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

/// Why something could not be done with a disk, a volume or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts say all")]
pub enum Error {
    BadName,
    Corrupt,
    Io,
    IsDirectory,
    NameTooLong,
    NoMemory,
    NoSpace,
    NotDirectory,
    NotFound,
    NotOpenForReading,
    NotOpenForWriting,
    ReadOnly,
    TooLarge,
    TooManyOpen,
    Unsupported,
}

impl Error {
    /// In words: those of Linux, which hosts know.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BadName => "Invalid argument",
            Self::Corrupt => "Structure needs cleaning",
            Self::Io => "Input/output error",
            Self::IsDirectory => "Is a directory",
            Self::NameTooLong => "File name too long",
            Self::NoMemory => "Cannot allocate memory",
            Self::NoSpace => "No space left on device",
            Self::NotDirectory => "Not a directory",
            Self::NotFound => "No such file or directory",
            Self::NotOpenForReading | Self::NotOpenForWriting => "Bad file descriptor",
            Self::ReadOnly => "Read-only file system",
            Self::TooLarge => "File too large",
            Self::TooManyOpen => "Too many open files",
            Self::Unsupported => "the discard operation is not supported",
        }
    }
}

#[cfg(test)]
mod tests;
