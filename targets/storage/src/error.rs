//! Errors.

use core::fmt;

/// Why an operation on a disk, a volume or a file failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts say all")]
pub enum Error {
    BadName,
    Corrupt,
    FirmwareOnly,
    Io,
    IsDirectory,
    NameTooLong,
    NoMemory,
    NoSpace,
    NotDirectory,
    NotFound,
    NotOpenForReading,
    NotOpenForWriting,
    NoVolume,
    ReadOnly,
    TooLarge,
    TooManyOpen,
    Unsupported,
}

impl Error {
    /// The text for hosts: Linux's where it has one, because hosts know those.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BadName => "Invalid argument",
            Self::Corrupt => "Structure needs cleaning",
            Self::FirmwareOnly => "no partition but firmware's",
            Self::Io => "Input/output error",
            Self::IsDirectory => "Is a directory",
            Self::NameTooLong => "File name too long",
            Self::NoMemory => "Cannot allocate memory",
            Self::NoSpace => "No space left on device",
            Self::NotDirectory => "Not a directory",
            Self::NoVolume => "no FAT volume",
            Self::NotFound => "No such file or directory",
            Self::NotOpenForReading | Self::NotOpenForWriting => "Bad file descriptor",
            Self::ReadOnly => "Read-only file system",
            Self::TooLarge => "File too large",
            Self::TooManyOpen => "Too many open files",
            Self::Unsupported => "the discard operation is not supported",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for Error {}
