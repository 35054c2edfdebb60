//! Physical memory: how firmware's data in it is read, and which RAM is free.

use core::ops::Range;
use core::ptr;

use heapless::Vec;

/// Physical memory that may be read.
///
/// Readers pass addresses and lengths on as firmware wrote them. An implementation must check them.
pub trait Memory {
    /// The `length` bytes at physical `address`. `None` unless all of them lie in memory that may be read, and `address` plus
    /// `length` has at most 64 bits.
    fn bytes(&self, address: u64, length: usize) -> Option<&[u8]>;
}

/// A range of usable RAM.
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

/// The largest range of whole pages of RAM that lies in `reach` and outside of all that is `taken`: memory for a heap.
pub fn largest_free(ram: &[Ram], reach: Range<u64>, taken: &[Range<u64>]) -> Option<Range<u64>> {
    const PAGE: u64 = 4096;
    let mut largest = 0..0;
    for ram in ram {
        // A free range begins where RAM begins, or where something that is taken ends.
        for start in taken.iter().map(|taken| taken.end.max(ram.start)).chain([ram.start]) {
            let start = start.max(reach.start).saturating_add(PAGE - 1) & !(PAGE - 1);
            let next =
                taken.iter().filter(|taken| !taken.is_empty() && taken.end > start).map(|taken| taken.start).min();
            let end = ram.end.min(reach.end).min(next.unwrap_or(u64::MAX)) & !(PAGE - 1);
            if end.saturating_sub(start) > largest.end - largest.start {
                largest = start..end;
            }
        }
    }
    (!largest.is_empty()).then_some(largest)
}

/// The physical addresses of a device's registers, which are mapped at the same virtual addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The first address.
    pub address: u64,
    /// The size in bytes.
    pub length: u32,
}

impl Window {
    /// A pointer to what lies `offset` bytes after the first address.
    pub(crate) fn at<T>(self, offset: usize) -> *mut T {
        ptr::with_exposed_provenance_mut((self.address as usize).wrapping_add(offset))
    }
}

/// The little-endian `u16` at `offset`, if all of it lies in `bytes`.
pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|raw| u16::from_le_bytes(*raw))
}

/// The little-endian `u32` at `offset`, if all of it lies in `bytes`.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|raw| u32::from_le_bytes(*raw))
}

/// The little-endian `u64` at `offset`, if all of it lies in `bytes`.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..)?.first_chunk().map(|raw| u64::from_le_bytes(*raw))
}

#[cfg(test)]
mod tests {
    use core::slice;

    use super::*;

    #[test]
    fn the_largest_free_range_is_clear_of_all_that_is_taken() {
        let ram = [Ram { start: 0x1000, end: 0x9_f800 }, Ram { start: 0x10_0000, end: 0x80_0000 }];
        let largest = |taken: &[Range<u64>]| largest_free(&ram, 0x20_0000..0x100_0000, taken);
        assert_eq!(largest(&[]), Some(0x20_0000..0x80_0000));
        assert_eq!(largest(slice::from_ref(&(0..0))), Some(0x20_0000..0x80_0000), "nothing is taken");
        assert_eq!(largest(slice::from_ref(&(0x30_0000..0x30_0001))), Some(0x30_1000..0x80_0000));
        let taken = [0x78_0000..0x90_0000, 0x10_0000..0x21_0000, 0x30_0000..0x31_0000, 0x30_8000..0x40_0000];
        assert_eq!(largest(&taken), Some(0x40_0000..0x78_0000));
        assert_eq!(largest(slice::from_ref(&(0..u64::MAX))), None);
    }
}
