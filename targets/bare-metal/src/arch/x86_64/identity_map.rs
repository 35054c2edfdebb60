//! Memory as the entry code maps it: everything below 4 GiB at its own address.

use core::mem::MaybeUninit;
use core::ops::Range;
use core::ptr;
use core::slice;

use crate::memory::{Memory, Ram, largest_free};

pub(super) const END: u64 = 1 << 32;

unsafe extern "C" {
    static __image_start: u8;
    static __image_end: u8;
}

/// The image's own memory, with its stack and the guard page below that.
pub(super) fn image() -> Range<u64> {
    (&raw const __image_start).addr() as u64..(&raw const __image_end).addr() as u64
}

/// What firmware and loader left in memory: all but the image itself and the memory that the heap got.
#[derive(Debug)]
pub(super) struct IdentityMap {
    heap: Range<u64>,
}

impl IdentityMap {
    /// As long as there is no heap.
    pub(super) const fn before_heap() -> Self {
        Self { heap: 0..0 }
    }

    /// Takes the largest piece of RAM above the image, and clear of what is `kept`, for the heap.
    pub(super) fn with_heap(ram: &[Ram], kept: Range<u64>) -> (Self, Option<&'static mut [MaybeUninit<u8>]>) {
        let heap = largest_free(ram, image().end..END, kept);
        let Some(heap) = heap else { return (Self::before_heap(), None) };
        let size = (heap.end - heap.start) as usize;
        // SAFETY: The memory map says that this is RAM, the image lies below it, and `bytes` gives none of it away.
        let memory = unsafe { slice::from_raw_parts_mut(ptr::with_exposed_provenance_mut(heap.start as usize), size) };
        (Self { heap }, Some(memory))
    }
}

impl Memory for IdentityMap {
    fn bytes(&self, address: u64, length: usize) -> Option<&[u8]> {
        let wanted = address..address.checked_add(length as u64)?;
        let overlaps = |range: &Range<u64>| wanted.start < range.end && range.start < wanted.end;
        if address == 0 || wanted.end > END || overlaps(&image()) || overlaps(&self.heap) {
            return None;
        }
        // SAFETY: All of it is mapped, and Rust knows no other object there: what it has lies in the image or the heap.
        Some(unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(address as usize), length) })
    }
}
