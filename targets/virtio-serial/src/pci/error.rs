//! Errors of devices on PCI.

use core::fmt;

/// Why a virtio device on PCI cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PciError {
    /// The device has only the legacy interface.
    LegacyOnly,
    /// The device's registers have no address.
    Unassigned,
    /// The capabilities, which say where the registers are, are inconsistent.
    Malformed,
}

impl PciError {
    /// The same in words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::LegacyOnly => "the device has only the legacy interface",
            Self::Unassigned => "the device's registers have no address",
            Self::Malformed => "the device's capabilities are malformed",
        }
    }
}

impl fmt::Display for PciError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for PciError {}
