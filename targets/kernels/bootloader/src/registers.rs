//! Mapping of devices' registers.

use core::ops::Range;
use core::ptr::NonNull;

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE};
use virtio_serial::OffsetHal;
use virtio_serial::transport::MappedRegisters;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::mapper::MapToError;
use x86_64::structures::paging::{FrameAllocator, Mapper, OffsetPageTable, Page, PageTableFlags, PhysFrame, Size4KiB};
use x86_64::{PhysAddr, VirtAddr};

/// Maps a device's registers. The bootloader has mapped 4 GiB, or all memory if that is more. UEFI puts registers far beyond.
pub fn map(registers: Range<u64>) -> Option<MappedRegisters> {
    let offset = OffsetHal::offset() as u64;
    let root = VirtAddr::new(offset + Cr3::read().0.start_address().as_u64());
    // SAFETY: all page tables are mapped at `offset`, and there is no other reference to them.
    let mut tables = unsafe { OffsetPageTable::new(&mut *root.as_mut_ptr(), VirtAddr::new(offset)) };
    let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_CACHE;
    for address in (registers.start & !0xfff..registers.end).step_by(PAGE_SIZE) {
        let frame = PhysFrame::<Size4KiB>::containing_address(PhysAddr::try_new(address).ok()?);
        let page = Page::containing_address(VirtAddr::try_new(offset + address).ok()?);
        // SAFETY: the frame has a device's registers, and no memory that Rust knows.
        match unsafe { tables.map_to(page, frame, flags, &mut Frames) } {
            Ok(flush) => flush.flush(),
            Err(MapToError::PageAlreadyMapped(_) | MapToError::ParentEntryHugePage) => {}
            Err(MapToError::FrameAllocationFailed) => return None,
        }
    }
    let start = NonNull::new((offset + registers.start) as *mut u8)?;
    // SAFETY: all their pages are mapped, for good.
    Some(unsafe { MappedRegisters::new(start, (registers.end - registers.start) as usize) })
}

/// Frames for page tables, out of the pages for drivers.
struct Frames;

// SAFETY: `OffsetHal` hands out each page once.
unsafe impl FrameAllocator<Size4KiB> for Frames {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        let (address, _) = OffsetHal::dma_alloc(1, BufferDirection::Both);
        (address != 0).then(|| PhysFrame::containing_address(PhysAddr::new(address)))
    }
}
