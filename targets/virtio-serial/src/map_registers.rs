//! Mapping of devices' registers in the page tables of x86_64.

use core::ops::Range;
use core::ptr::{self, NonNull};

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::mapper::MapToError;
use x86_64::structures::paging::{
    FrameAllocator, Mapper, OffsetPageTable, Page, PageTable, PageTableFlags, PhysFrame, Size4KiB,
};
use x86_64::{PhysAddr as Address, VirtAddr};

use crate::OffsetHal;
use crate::transport::MappedRegisters;

impl OffsetHal {
    /// Maps a device's registers, uncached, to where they are if all physical memory is mapped at the offset. Pages that are
    /// mapped there already stay as they are.
    ///
    /// Boot loaders map RAM and perhaps the first 4 GiB, and UEFI firmware puts registers far beyond. A new page table is one of
    /// the pages that [`give`](Self::give) was called with: three at most for a console. Returns `None` if there are none left, or
    /// the processor has no such address.
    ///
    /// # Safety
    /// `give` must have been called, and all page tables must be mapped at its offset. Nobody else may use them until the function
    /// returns. The addresses must be those of a device's registers, and what is mapped must stay so.
    pub unsafe fn map_registers(registers: Range<PhysAddr>) -> Option<MappedRegisters> {
        let size = usize::try_from(registers.end.checked_sub(registers.start)?).ok()?;
        let offset = VirtAddr::try_new(Self::offset() as u64).ok()?;
        let root = offset.as_u64().checked_add(Cr3::read().0.start_address().as_u64())?;
        // SAFETY: the caller promised that the page tables are mapped at the offset and used by nobody else.
        let mut tables =
            unsafe { OffsetPageTable::new(&mut *ptr::with_exposed_provenance_mut::<PageTable>(root as usize), offset) };
        let start = map(&mut tables, &mut PageTables, &registers)?;
        let start = NonNull::new(ptr::with_exposed_provenance_mut(start.as_u64() as usize))?;
        // SAFETY: all their pages are mapped, and the caller promised that they stay so.
        Some(unsafe { MappedRegisters::new(start, size) })
    }
}

/// Maps the registers at the tables' offset, and returns where they begin.
fn map(
    tables: &mut OffsetPageTable<'_>,
    page_tables: &mut impl FrameAllocator<Size4KiB>,
    registers: &Range<PhysAddr>,
) -> Option<VirtAddr> {
    let offset = tables.phys_offset().as_u64();
    let virtual_address = |address| VirtAddr::try_new(offset.checked_add(address)?).ok();
    let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_CACHE;
    for address in (registers.start & !(PAGE_SIZE as u64 - 1)..registers.end).step_by(PAGE_SIZE) {
        let frame = PhysFrame::containing_address(Address::try_new(address).ok()?);
        let page = Page::<Size4KiB>::containing_address(virtual_address(address)?);
        // SAFETY: the frame has a device's registers, and no memory that Rust knows.
        match unsafe { tables.map_to(page, frame, flags, page_tables) } {
            // The processor keeps no translation of a page that was not present.
            Ok(flush) => flush.ignore(),
            Err(MapToError::PageAlreadyMapped(_) | MapToError::ParentEntryHugePage) => {}
            Err(MapToError::FrameAllocationFailed) => return None,
        }
    }
    virtual_address(registers.start)
}

/// New page tables.
struct PageTables;

// SAFETY: `OffsetHal` hands out each page once.
unsafe impl FrameAllocator<Size4KiB> for PageTables {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        let (address, _) = OffsetHal::dma_alloc(1, BufferDirection::Both);
        (address != 0).then(|| PhysFrame::containing_address(Address::new(address)))
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;

    use x86_64::structures::paging::Translate;

    use super::*;

    const TABLES: usize = 8;

    /// Physical memory from address 0: a root table, and room for others.
    #[expect(dead_code, reason = "it is accessed by addresses")]
    struct Memory([PageTable; TABLES]);

    /// Where registers are, behind that memory. Linux leaves as much room above all memory of a program, so their virtual address is one
    /// that the processor has, wherever the tables are.
    const REGISTERS: PhysAddr = 0x100_0000;

    struct Unused(Range<u64>);

    // SAFETY: each frame is handed out once.
    unsafe impl FrameAllocator<Size4KiB> for Unused {
        fn allocate_frame(&mut self) -> Option<PhysFrame> {
            self.0.next().map(|frame| PhysFrame::containing_address(Address::new(frame * PAGE_SIZE as u64)))
        }
    }

    /// Maps registers in tables that are empty but for a root, with so many pages for others. Returns what the registers' pages are
    /// mapped to.
    fn mapped(registers: Range<PhysAddr>, pages: u64) -> Option<[Option<Address>; 3]> {
        let memory: *mut Memory = Box::leak(Box::new(Memory([const { PageTable::new() }; TABLES])));
        let offset = VirtAddr::from_ptr(memory);
        // SAFETY: the tables' addresses are those in `memory`, which nobody else uses.
        let mut tables = unsafe { OffsetPageTable::new(&mut *memory.cast(), offset) };
        let start = map(&mut tables, &mut Unused(1..1 + pages), &registers)?;
        assert_eq!(start, offset + registers.start);
        // Once more, as for a second structure in the same pages.
        map(&mut tables, &mut Unused(0..0), &registers)?;
        Some([0, 1, 2].map(|page| tables.translate_addr(offset + (registers.start & !0xfff) + 0x1000 * page)))
    }

    #[test]
    fn each_page_that_has_registers_is_mapped_to_itself() {
        let [first, second, third] = mapped(REGISTERS + 0xffc..REGISTERS + 0x1004, 6).expect("page tables");
        assert_eq!((first, second), (Some(Address::new(REGISTERS)), Some(Address::new(REGISTERS + 0x1000))));
        assert_eq!(third, None);
    }

    #[test]
    fn nothing_is_returned_when_page_tables_run_out() {
        assert_eq!(mapped(REGISTERS..REGISTERS + 0x1000, 2), None);
    }

    #[test]
    fn an_address_that_the_processor_has_not_is_refused() {
        assert_eq!(mapped(1 << 52..1 << 52 | 4, 6), None);
    }
}
