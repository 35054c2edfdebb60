//! Why there is no channel.

use core::fmt;

/// Why the device cannot be used, at first or any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The wanted port name is empty, longer than 119 bytes, or holds a NUL.
    BadName,
    /// The device's configuration cannot be read, or allows no port at all.
    Config,
    /// The device does not offer, or does not accept, what a driver of its kind must negotiate.
    Features,
    /// The device says that it needs a reset (DEVICE_NEEDS_RESET): it has met an error it cannot recover from.
    NeedsReset,
    /// The HAL has no pages left.
    NoMemory,
    /// The device does not offer VIRTIO_CONSOLE_F_MULTIPORT, so it has no named ports.
    NoMultiport,
    /// The device does not become quiet when it is reset.
    NoReset,
    /// This is no virtio console device.
    NotAConsole,
    /// A queue is missing or shorter than the driver needs: 32 for control messages, 8 and 1 for data.
    QueueTooSmall,
    /// The device returned a buffer that it did not have.
    RingCorrupt,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadName => "the port name is empty, too long or holds a NUL",
            Self::Config => "the device's configuration is unreadable or allows no port",
            Self::Features => "the device does not agree to the features it must have",
            Self::NeedsReset => "the device met an error and needs a reset",
            Self::NoMemory => "no pages left for virtqueues",
            Self::NoMultiport => "the device does not offer multiple ports",
            Self::NoReset => "the device does not complete a reset",
            Self::NotAConsole => "not a virtio console device",
            Self::QueueTooSmall => "a virtqueue is missing or too small",
            Self::RingCorrupt => "the device returned a buffer it did not have",
        })
    }
}

impl core::error::Error for Error {}

impl embedded_io::Error for Error {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self {
            Self::BadName => embedded_io::ErrorKind::InvalidInput,
            Self::NoMemory => embedded_io::ErrorKind::OutOfMemory,
            Self::Features | Self::NoMultiport | Self::NotAConsole | Self::QueueTooSmall => {
                embedded_io::ErrorKind::Unsupported
            }
            Self::Config | Self::NeedsReset | Self::NoReset | Self::RingCorrupt => embedded_io::ErrorKind::Other,
        }
    }
}
