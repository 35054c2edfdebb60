//! Physical memory, as what firmware left in it is read.

use core::ops::Range;
use core::ptr;

use heapless::Vec;

/// Physical memory that may be looked at.
///
/// Pointers and lengths found in memory come from firmware and may be anything; this is where they are checked.
pub trait Memory {
    /// The `length` bytes at physical `address`, or `None` where they do not all lie in memory that may be read.
    fn bytes(&self, address: u64, length: usize) -> Option<&[u8]>;
}

/// A range of usable RAM, in bytes. Its end does not overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ram {
    /// Physical address of the first byte.
    pub start: u64,
    /// Physical address after the last byte.
    pub end: u64,
}

/// As many items as there is room for. A heapless vector that is collected panics instead.
pub(crate) fn as_many_as_fit<T, const N: usize>(items: impl IntoIterator<Item = T>) -> Vec<T, N> {
    let mut vector = Vec::new();
    // The first that does not fit ends it.
    let _ = items.into_iter().try_for_each(|item| vector.push(item));
    vector
}

/// The largest piece of RAM, in whole pages, that lies in `reach` and keeps clear of `taken`: memory for a heap.
pub fn largest_free(ram: &[Ram], reach: Range<u64>, taken: Range<u64>) -> Option<Range<u64>> {
    const PAGE: u64 = 4096;
    let mut largest = 0..0;
    for ram in ram {
        for (start, end) in [(ram.start, ram.end.min(taken.start)), (ram.start.max(taken.end), ram.end)] {
            let start = start.max(reach.start).saturating_add(PAGE - 1) & !(PAGE - 1);
            let end = end.min(reach.end) & !(PAGE - 1);
            if end.saturating_sub(start) > largest.end - largest.start {
                largest = start..end;
            }
        }
    }
    (!largest.is_empty()).then_some(largest)
}

/// A range of physical addresses that has a device behind it, at virtual addresses that are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Where it begins.
    pub address: u64,
    /// How many bytes it has.
    pub length: u32,
}

impl Window {
    /// Where `offset` bytes behind its beginning are.
    pub(crate) fn at<T>(self, offset: usize) -> *mut T {
        ptr::with_exposed_provenance_mut((self.address as usize).wrapping_add(offset))
    }
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
