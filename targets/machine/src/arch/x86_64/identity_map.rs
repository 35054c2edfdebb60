//! Memory at its own addresses: everything below 4 GiB, as the entry code maps it, and a GiB beyond for devices.

use core::mem::MaybeUninit;
use core::ops::Range;
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::memory::{Memory, Ram, largest_free};
use crate::pci::is_low;

pub(crate) const END: u64 = 1 << 32;

const GIB: u64 = 1 << 30;
const PAGE: usize = 2 << 20;
/// As far as four levels of tables go, in the lower half of what they map.
const MAPPABLE: u64 = 1 << 47;
/// An entry that leads to a table: present, writable.
const TABLE: u64 = 0x3;
/// An entry of 2 MiB of a device's registers: the same, and not cached.
const REGISTERS: u64 = 0x9b;

/// A page table (Intel SDM vol. 3, 4.5).
type Table = [AtomicU64; 512];

unsafe extern "C" {
    static __image_start: u8;
    static __image_end: u8;
    static level4: Table;
    static level3: Table;
    static level3_beyond: Table;
    static level2_beyond: Table;
}

/// The image's own memory, with its stack and the guard page below that.
pub(crate) fn image() -> Range<u64> {
    (&raw const __image_start).addr() as u64..(&raw const __image_end).addr() as u64
}

/// Sees to it that a device's registers are mapped, and says whether they are. UEFI firmware puts them beyond 4 GiB, all close
/// together: the GiB that has the first ones is the only one that is mapped there.
pub(crate) fn reach(registers: &Range<u64>) -> bool {
    if is_low(registers) {
        return true;
    }
    let start = registers.start & !(GIB - 1);
    if registers.end > MAPPABLE || registers.end > start + GIB || start < END {
        return false;
    }
    // SAFETY: The entry code's tables. The CPU only reads them, but for bits that nobody here looks at.
    let (top, low, beyond, level2) = unsafe { (&level4, &level3, &level3_beyond, &level2_beyond) };
    let middle = if start >> 39 == 0 { low } else { beyond };
    let entries = [&top[(start >> 39) as usize & 511], &middle[(start >> 30) as usize & 511]];
    let is_used = |entry: &AtomicU64| entry.load(Ordering::Relaxed) != 0;
    if entries.into_iter().all(is_used) {
        return true;
    }
    if is_used(&level2[0]) {
        return false;
    }
    for (entry, page) in level2.iter().zip((start..).step_by(PAGE)) {
        entry.store(page | REGISTERS, Ordering::Relaxed);
    }
    // What was not mapped before, no CPU has remembered.
    for (entry, table) in entries.into_iter().zip([middle, level2]) {
        entry.store(table.as_ptr().addr() as u64 | TABLE, Ordering::Relaxed);
    }
    true
}

/// What firmware and loader left in memory: all but the image itself and the memory that the heap got.
#[derive(Debug)]
pub(crate) struct IdentityMap {
    heap: Range<u64>,
}

impl IdentityMap {
    /// As long as there is no heap.
    pub(crate) const fn before_heap() -> Self {
        Self { heap: 0..0 }
    }

    /// Takes the largest piece of RAM above the image, and clear of what is `kept`, for the heap.
    pub(crate) fn with_heap(ram: &[Ram], kept: Range<u64>) -> (Self, Option<&'static mut [MaybeUninit<u8>]>) {
        let heap = largest_free(ram, image().end..END, slice::from_ref(&kept));
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
