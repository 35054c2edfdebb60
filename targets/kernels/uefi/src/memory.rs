//! Memory for the device: pages of firmware.

use core::ptr::{self, NonNull};

use uefi::boot::{self, AllocateType, MemoryType};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// Pages of firmware, which maps memory where it lies.
pub struct FirmwareMemory;

// SAFETY: `dma_alloc` returns pages that are nobody else's until `dma_dealloc`. Their addresses are physical: UEFI maps all memory
// at its own addresses (UEFI specification 2.10, section 2.3.4).
unsafe impl Hal for FirmwareMemory {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        match boot::allocate_pages(AllocateType::AnyPages, MemoryType::LOADER_DATA, pages) {
            Ok(memory) => {
                // SAFETY: there are as many pages, and nobody else has them.
                unsafe { ptr::write_bytes(memory.as_ptr(), 0, pages * PAGE_SIZE) };
                (memory.as_ptr() as PhysAddr, memory)
            }
            Err(_) => (0, NonNull::dangling()),
        }
    }

    unsafe fn dma_dealloc(_: PhysAddr, memory: NonNull<u8>, pages: usize) -> i32 {
        // SAFETY: the caller returns an allocation of `dma_alloc` with its size.
        unsafe { boot::free_pages(memory, pages) }.map_or(-1, |()| 0)
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        NonNull::new(address as *mut u8).unwrap_or(NonNull::dangling())
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
