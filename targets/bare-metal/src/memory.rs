//! Physical memory, as what firmware left in it is read.

/// Physical memory that may be looked at.
///
/// Pointers and lengths found in memory come from firmware and may be anything; this is where they are checked.
pub trait Memory {
    /// The `length` bytes at physical `address`, or `None` where they do not all lie in memory that may be read.
    fn bytes(&self, address: u64, length: usize) -> Option<&[u8]>;
}

/// The little-endian `u16` at `offset` of a structure, if it lies within.
pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|raw| u16::from_le_bytes(*raw))
}

/// The little-endian `u32` at `offset` of a structure, if it lies within.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|raw| u32::from_le_bytes(*raw))
}

/// The little-endian `u64` at `offset` of a structure, if it lies within.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..)?.first_chunk().map(|raw| u64::from_le_bytes(*raw))
}
