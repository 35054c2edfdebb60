//! The heap, and virtio's view of memory: a physical address is a virtual one.

use core::alloc::Layout;
use core::hint::assert_unchecked;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::slice;

use linked_list_allocator::Heap;
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use crate::cell::OneCpu;

#[repr(align(4096))]
struct Page {
    _bytes: [MaybeUninit<u8>; PAGE_SIZE],
}

static HEAP: OneCpu<Heap> = OneCpu::new(Heap::empty());

/// Gives the heap its memory, in whole pages. Only the first call counts.
pub fn give(memory: &'static mut [MaybeUninit<u8>]) {
    // SAFETY: Any bytes at all are a page.
    let (_, pages, _) = unsafe { memory.align_to_mut::<Page>() };
    let (start, size) = (pages.as_mut_ptr(), pages.len() * PAGE_SIZE);
    if let Some(mut heap) = HEAP.borrow()
        && heap.size() == 0
        && !pages.is_empty()
    {
        // SAFETY: The memory is as large and nobody else's, for good. It is aligned as pages are: where the compiler knows that,
        // it sees that what the crate asserts of it holds.
        unsafe {
            assert_unchecked(start.is_aligned());
            *heap = Heap::new(start.cast(), size);
        }
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

/// The most memory for a device in one piece, in bytes.
const MAX_DMA: usize = 1 << 30;

/// Memory for virtio devices, which is taken back when a driver has no more use for it.
#[derive(Debug)]
pub struct IdentityMapped;

impl IdentityMapped {
    fn layout(pages: usize) -> Option<Layout> {
        // The bound shows the compiler that the crate's calculations do not overflow, where they would panic.
        let size = pages.checked_mul(PAGE_SIZE).filter(|&size| size <= MAX_DMA)?;
        Layout::from_size_align(size, PAGE_SIZE).ok()
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

/// The same for devices that are there as long as the guest. What a driver gives back is kept for its next use of as many pages, as
/// when it sets its device up again: the heap, which panics when it is given back what it has not handed out, is left alone.
#[derive(Debug)]
pub struct Kept;

/// Pages that were given back. What it says of them lies at their beginning.
struct Free {
    pages: usize,
    next: Option<NonNull<Self>>,
}

static FREE: OneCpu<Option<NonNull<Free>>> = OneCpu::new(None);

/// Takes so many pages out of those that were given back.
fn take_free(pages: usize) -> Option<NonNull<u8>> {
    let mut free = FREE.borrow()?;
    let mut link = &mut *free;
    while let Some(found) = *link {
        // SAFETY: What is in the list was given back, and is nobody else's.
        let found_free = unsafe { &mut *found.as_ptr() };
        if found_free.pages == pages {
            *link = found_free.next;
            return Some(found.cast());
        }
        link = &mut found_free.next;
    }
    None
}

// SAFETY: As above: what was given back is handed out once, too.
unsafe impl Hal for Kept {
    fn dma_alloc(pages: usize, direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let Some(memory) = take_free(pages) else { return IdentityMapped::dma_alloc(pages, direction) };
        // SAFETY: There are as many pages, and nobody else has them.
        unsafe { ptr::write_bytes(memory.as_ptr(), 0, pages * PAGE_SIZE) };
        (memory.as_ptr() as PhysAddr, memory)
    }

    unsafe fn dma_dealloc(_: PhysAddr, memory: NonNull<u8>, pages: usize) -> i32 {
        let Some(mut free) = FREE.borrow() else { return -1 };
        let place = memory.cast();
        // SAFETY: The caller returns an allocation of `dma_alloc` with its size, which is at least a page.
        unsafe { place.write(Free { pages, next: *free }) };
        *free = Some(place);
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, size: usize) -> NonNull<u8> {
        // SAFETY: The caller's promise.
        unsafe { IdentityMapped::mmio_phys_to_virt(address, size) }
    }

    unsafe fn share(buffer: NonNull<[u8]>, direction: BufferDirection) -> PhysAddr {
        // SAFETY: The caller's promise.
        unsafe { IdentityMapped::share(buffer, direction) }
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
