//! The heap, and virtio's view of memory: a physical address is a virtual one.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::slice;

use linked_list_allocator::Heap;
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use crate::cell::OneCpu;

static HEAP: OneCpu<Heap> = OneCpu::new(Heap::empty());

/// Gives the heap its memory. Only the first call counts.
pub fn give(memory: &'static mut [MaybeUninit<u8>]) {
    if let Some(mut heap) = HEAP.borrow()
        && heap.size() == 0
    {
        heap.init_from_slice(memory);
    }
}

/// Room for a value that is never given back. `None` if there is not as much memory left.
pub fn room_for<T>() -> Option<&'static mut MaybeUninit<T>> {
    let memory = HEAP.borrow()?.allocate_first_fit(Layout::new::<T>()).ok()?;
    // SAFETY: The allocation has the value's size and alignment, is nobody else's, and is never returned.
    Some(unsafe { memory.cast().as_mut() })
}

/// So many zeroed bytes that are never given back. `None` if there are not as many left.
pub fn bytes(length: usize) -> Option<&'static mut [u8]> {
    let layout = Layout::from_size_align(length, PAGE_SIZE).ok()?;
    let memory = HEAP.borrow()?.allocate_first_fit(layout).ok()?;
    // SAFETY: The allocation has this size, is nobody else's and never returned, and zeros are bytes.
    unsafe {
        ptr::write_bytes(memory.as_ptr(), 0, length);
        Some(slice::from_raw_parts_mut(memory.as_ptr(), length))
    }
}

/// How many bytes are left.
pub fn free() -> usize {
    HEAP.borrow().map_or(0, |heap| heap.free())
}

/// Memory for virtio devices.
#[derive(Debug)]
pub struct IdentityMapped;

impl IdentityMapped {
    fn layout(pages: usize) -> Option<Layout> {
        Layout::from_size_align(pages.checked_mul(PAGE_SIZE)?, PAGE_SIZE).ok()
    }
}

// SAFETY: The heap hands out memory that nobody else has, in whole pages; everything below 4 GiB is mapped to itself, the
// heap lies there, and so must what is asked to be mapped.
unsafe impl Hal for IdentityMapped {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let memory = Self::layout(pages).and_then(|layout| HEAP.borrow()?.allocate_first_fit(layout).ok());
        let Some(memory) = memory else { return (0, NonNull::dangling()) };
        // SAFETY: The allocation has this size and is nobody else's.
        unsafe { ptr::write_bytes(memory.as_ptr(), 0, pages * PAGE_SIZE) };
        (memory.as_ptr() as PhysAddr, memory)
    }

    unsafe fn dma_dealloc(_: PhysAddr, memory: NonNull<u8>, pages: usize) -> i32 {
        let (Some(layout), Some(mut heap)) = (Self::layout(pages), HEAP.borrow()) else { return -1 };
        // SAFETY: The caller returns an allocation of `dma_alloc` with its size.
        unsafe { heap.deallocate(memory, layout) };
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        NonNull::new(address as *mut u8).unwrap_or(NonNull::dangling())
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
