//! Memory that the device reaches.

use core::mem;

use ostd::mm::HasDaddr;
use ostd::mm::dma::DmaCoherent;
use ostd::mm::io::util::HasVmReaderWriter;
use virtio_serial::OffsetHal;

/// Number of pages that one driver needs.
const PAGES: usize = 16;

/// Gives the driver its pages.
///
/// # Errors
/// There are not enough.
pub fn give_pages() -> ostd::Result<()> {
    let memory = DmaCoherent::alloc(PAGES, true)?;
    let (address, mapped_at) = (memory.daddr(), memory.writer().cursor() as usize);
    // SAFETY: the pages are contiguous and nobody else's. They stay so, because `memory` is never dropped.
    unsafe { OffsetHal::give(address as u64, PAGES, mapped_at.wrapping_sub(address)) };
    mem::forget(memory);
    Ok(())
}
