//! Memory: the largest region that is usable.

use bootloader_api::BootInfo;
use bootloader_api::info::MemoryRegionKind;
use linked_list_allocator::LockedHeap;
use virtio_drivers::PAGE_SIZE;
use virtio_serial::OffsetHal;

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

/// Gives the first pages of memory to drivers and the rest to the heap.
pub fn init(info: &BootInfo) {
    let offset = info.physical_memory_offset.into_option().expect("a mapping of physical memory") as usize;
    let usable = info.memory_regions.iter().filter(|region| region.kind == MemoryRegionKind::Usable);
    let region = usable.max_by_key(|region| region.end - region.start).expect("usable memory");
    let heap = region.start as usize + OffsetHal::MAX_PAGES * PAGE_SIZE;
    // SAFETY: the bootloader has mapped all memory at `offset`, and nobody else uses this region.
    unsafe {
        OffsetHal::give(region.start, OffsetHal::MAX_PAGES, offset);
        HEAP.lock().init((offset + heap) as *mut u8, region.end as usize - heap);
    }
}
