//! The size of frames.

/// The longest frame: an Ethernet header and 1500 bytes.
pub const MAX_FRAME: usize = HEADER + MAX_MTU;
/// The size of an Ethernet header.
pub(crate) const HEADER: usize = 14;
/// The longest packet in a frame.
pub(crate) const MAX_MTU: usize = 1500;
