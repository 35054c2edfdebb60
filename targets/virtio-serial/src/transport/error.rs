//! Errors of transports.

use core::fmt;

/// Why a window of registers cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TransportError {
    /// The registers do not begin with virtio's magic value, so this is not a virtio device.
    NotVirtio,
    /// The device is of a type that virtio-drivers does not know. Type 0 means that there is no device.
    UnknownType(u32),
    /// The version of the register layout is neither 1 (legacy) nor 2.
    UnknownVersion(u32),
    /// The window is too small for the registers that it must have.
    WindowTooSmall,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotVirtio => f.write_str("not a virtio device"),
            Self::UnknownType(device_type) => write!(f, "unknown virtio device type {device_type}"),
            Self::UnknownVersion(version) => write!(f, "unknown virtio register layout {version}"),
            Self::WindowTooSmall => f.write_str("the window is too small for virtio registers"),
        }
    }
}

impl core::error::Error for TransportError {}
