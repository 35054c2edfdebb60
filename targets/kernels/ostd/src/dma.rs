//! Memory that the device reaches.

use core::mem;
use core::ptr::NonNull;

use ostd::mm::HasDaddr;
use ostd::mm::dma::DmaCoherent;
use ostd::mm::io::util::HasVmReaderWriter;
use virtio_drivers::PhysAddr;
use virtio_serial::OffsetHal;

/// Number of pages that one driver needs.
const PAGES: usize = 16;

/// Gives the driver its pages. Returns `None` if there are not enough.
pub fn give_pages() -> Option<()> {
    let memory = DmaCoherent::alloc(PAGES, true).ok()?;
    let start = NonNull::new(memory.writer().cursor())?;
    // SAFETY: the pages are contiguous and nobody else's. They stay so, because `memory` is never dropped.
    unsafe { OffsetHal::give(start, memory.daddr() as PhysAddr, PAGES) };
    mem::forget(memory);
    Some(())
}
