//! Errors of the driver.

use core::fmt;

/// Why the driver cannot use the device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The port name is empty, longer than 119 bytes, or contains a NUL.
    BadName,
    /// The device's configuration cannot be read, or says that a console has no ports.
    Config,
    /// The device does not offer VIRTIO_F_VERSION_1, or rejects the features that the driver selected.
    Features,
    /// The device had an error that it cannot recover from, and has set DEVICE_NEEDS_RESET.
    NeedsReset,
    /// [`Hal::dma_alloc`](virtio_drivers::Hal::dma_alloc) has no pages left.
    NoMemory,
    /// The device does not offer VIRTIO_CONSOLE_F_MULTIPORT, so it has no named ports.
    NoMultiport,
    /// The device does not complete a reset, or the driver was told to stop.
    NoReset,
    /// The device is not a virtio console.
    NotAConsole,
    /// The device is not a virtio socket device.
    #[cfg(feature = "vsock")]
    NotASocket,
    /// A virtqueue is missing.
    QueueTooSmall,
    /// The device returned a buffer that it did not own.
    RingCorrupt,
}

impl Error {
    /// The same in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BadName => "the port name is empty, too long or contains a NUL",
            Self::Config => "the device's configuration is unreadable or has no ports",
            Self::Features => "the device lacks or rejects a required feature",
            Self::NeedsReset => "the device had an error and needs a reset",
            Self::NoMemory => "no pages left for virtqueues",
            Self::NoMultiport => "the device does not offer multiple ports",
            Self::NoReset => "the device does not complete a reset",
            Self::NotAConsole => "not a virtio console device",
            #[cfg(feature = "vsock")]
            Self::NotASocket => "not a virtio socket device",
            Self::QueueTooSmall => "a virtqueue is missing",
            Self::RingCorrupt => "the device returned a buffer it did not own",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
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
            #[cfg(feature = "vsock")]
            Self::NotASocket => embedded_io::ErrorKind::Unsupported,
            Self::Config | Self::NeedsReset | Self::NoReset | Self::RingCorrupt => embedded_io::ErrorKind::Other,
        }
    }
}
