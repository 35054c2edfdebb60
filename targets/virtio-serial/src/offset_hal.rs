//! Pages for the driver in kernels that map physical memory at an offset.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// A [`Hal`] for kernels that map physical memory at a constant offset, which may be 0.
///
/// It has no allocator: the kernel gives it pages once, with [`OffsetHal::give`], and drivers return theirs to it. 16 pages are
/// enough for one [`VirtioSerial`](crate::VirtioSerial). The functions neither wait nor lock, so that drivers may call them from
/// interrupt handlers.
///
/// ```
/// use virtio_drivers::transport::Transport;
/// use virtio_serial::{Error, OffsetHal, VirtioSerial};
///
/// /// `free` is the physical address of 16 pages that nobody uses, and physical address 0 is mapped at `offset`.
/// fn start<T: Transport>(transport: T, free: u64, offset: usize) -> Result<VirtioSerial<OffsetHal, T>, Error> {
///     // SAFETY: the pages are mapped at the offset, and are the driver's from now on.
///     unsafe { OffsetHal::give(free, 16, offset) };
///     VirtioSerial::new(transport, "org.qemu.guest_agent.0")
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OffsetHal;

static POOL: Pool = Pool::new();

impl OffsetHal {
    /// Largest number of pages that it manages.
    pub const MAX_PAGES: usize = u32::BITS as usize;

    /// Gives it `pages` pages from physical address `start`. It uses at most [`MAX_PAGES`](Self::MAX_PAGES) of them. `offset` is the
    /// virtual address at which physical address 0 is mapped, or would be. Only the first call has an effect.
    ///
    /// # Safety
    /// The pages must be memory that is mapped at `offset`, aligned to 4,096 bytes, and used by nobody else for good.
    pub unsafe fn give(start: PhysAddr, pages: usize, offset: usize) {
        POOL.give(start, pages, offset);
    }

    /// The offset that [`give`](Self::give) was called with.
    pub fn offset() -> usize {
        POOL.offset.load(Ordering::Relaxed)
    }
}

// SAFETY: the pool hands out each page once until it is returned, and the caller of `give` promised that the pages are memory of
// nobody else. `dma_alloc` returns them zeroed.
unsafe impl Hal for OffsetHal {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let Some(start) = POOL.take(pages) else { return (0, NonNull::dangling()) };
        // SAFETY: the pages lie in the memory that was given, and are nobody else's until they are returned.
        unsafe { start.write_bytes(0, pages * PAGE_SIZE) };
        (physical_address(start), start)
    }

    unsafe fn dma_dealloc(_: PhysAddr, start: NonNull<u8>, pages: usize) -> i32 {
        POOL.put_back(start, pages);
        0
    }

    /// Returns where the address is if all physical memory is mapped at the offset. Maps nothing. This crate does not call it.
    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        NonNull::new(virtual_address(address, Self::offset())).unwrap_or(NonNull::dangling())
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        physical_address(buffer.cast())
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

fn virtual_address(address: PhysAddr, offset: usize) -> *mut u8 {
    ptr::with_exposed_provenance_mut((address as usize).wrapping_add(offset))
}

fn physical_address(start: NonNull<u8>) -> PhysAddr {
    start.addr().get().wrapping_sub(OffsetHal::offset()) as PhysAddr
}

/// Up to 32 pages, one after the other.
struct Pool {
    /// Virtual address of the first page. Null until there are pages.
    start: AtomicPtr<u8>,
    offset: AtomicUsize,
    /// Bit `i` is set while page `i` is free.
    free: AtomicU32,
}

impl Pool {
    const fn new() -> Self {
        Self { start: AtomicPtr::new(ptr::null_mut()), offset: AtomicUsize::new(0), free: AtomicU32::new(0) }
    }

    fn give(&self, start: PhysAddr, pages: usize, offset: usize) {
        let (nothing, start) = (ptr::null_mut(), virtual_address(start, offset));
        if self.start.compare_exchange(nothing, start, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.offset.store(offset, Ordering::Relaxed);
            let pages = run(pages.min(OffsetHal::MAX_PAGES)).unwrap_or(0);
            // Whoever takes a page sees what was stored before.
            self.free.store(pages, Ordering::Release);
        }
    }

    /// Takes the first so many free pages in a row.
    fn take(&self, pages: usize) -> Option<NonNull<u8>> {
        let run = run(pages)?;
        let mut free = self.free.load(Ordering::Acquire);
        loop {
            let first = (0..=OffsetHal::MAX_PAGES - pages).find(|&first| free & run << first == run << first)?;
            match self.free.compare_exchange_weak(free, free & !(run << first), Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return NonNull::new(self.start.load(Ordering::Relaxed).wrapping_add(first * PAGE_SIZE)),
                Err(now) => free = now,
            }
        }
    }

    /// Returns pages that `take` has returned.
    fn put_back(&self, start: NonNull<u8>, pages: usize) {
        let first = (start.addr().get() - self.start.load(Ordering::Relaxed).addr()) / PAGE_SIZE;
        self.free.fetch_or(run(pages).unwrap_or(0) << first, Ordering::Release);
    }
}

/// As many bits as there are pages, 1 to 32, from bit 0.
fn run(pages: usize) -> Option<u32> {
    u32::MAX.checked_shr(u32::BITS.checked_sub(pages.try_into().ok()?)?)
}
