//! The memory that driver and device share: pages for the driver, plain loads and stores for the device.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

thread_local! {
    static PAGES_IN_USE: Cell<usize> = const { Cell::new(0) };
    static PAGES_TO_GIVE: Cell<usize> = const { Cell::new(usize::MAX) };
    static IN_USE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Pages that the driver of this thread holds.
pub fn pages_in_use() -> usize {
    PAGES_IN_USE.get()
}

/// Lets the HAL have no more than so many pages, until this is dropped.
pub struct PageLimit;

impl PageLimit {
    pub fn new(pages: usize) -> Self {
        PAGES_TO_GIVE.set(pages);
        Self
    }
}

impl Drop for PageLimit {
    fn drop(&mut self) {
        PAGES_TO_GIVE.set(usize::MAX);
    }
}

/// The device tells of which queues, by an address in each, it may touch the memory: none of that may be freed.
pub fn set_in_use(queues: Vec<u64>) {
    IN_USE.replace(queues);
}

/// Hands out pages whose address is the same for driver and device.
pub struct TestHal;

// SAFETY: `dma_alloc` gives fresh, zeroed, page-aligned memory of its own; the other methods add no access to any.
unsafe impl Hal for TestHal {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        if PAGES_IN_USE.get() + pages > PAGES_TO_GIVE.get() {
            return (0, NonNull::dangling());
        }
        PAGES_IN_USE.set(PAGES_IN_USE.get() + pages);
        // SAFETY: no layout of at least one page has size zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout(pages)) }).expect("the host has memory");
        (start.as_ptr().expose_provenance() as PhysAddr, start)
    }

    unsafe fn dma_dealloc(address: PhysAddr, start: NonNull<u8>, pages: usize) -> i32 {
        let freed = address..address + (pages * PAGE_SIZE) as PhysAddr;
        assert!(
            !IN_USE.with_borrow(|queues| queues.iter().any(|queue| freed.contains(queue))),
            "a live queue is freed"
        );
        PAGES_IN_USE.set(PAGES_IN_USE.get() - pages);
        // SAFETY: the caller gives back what `dma_alloc` gave, so this was allocated with this layout.
        unsafe { dealloc(start.as_ptr(), layout(pages)) };
        0
    }

    unsafe fn mmio_phys_to_virt(_address: PhysAddr, _size: usize) -> NonNull<u8> {
        unreachable!("only PCI devices have BARs")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr().expose_provenance() as PhysAddr
    }

    unsafe fn unshare(_address: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}

fn layout(pages: usize) -> Layout {
    Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).expect("a few pages are a valid layout")
}

/// Reads `N` bytes as the device.
pub fn load<const N: usize>(address: u64) -> [u8; N] {
    // SAFETY: the driver told the device this address, and `IN_USE` has kept it from freeing the memory.
    unsafe { std::ptr::with_exposed_provenance::<[u8; N]>(address as usize).read_volatile() }
}

/// Writes bytes as the device.
pub fn store<const N: usize>(address: u64, bytes: [u8; N]) {
    // SAFETY: as in `load`; the driver holds no reference to what it shares while the device runs.
    unsafe { std::ptr::with_exposed_provenance_mut::<[u8; N]>(address as usize).write_volatile(bytes) }
}
