//! Memory for virtio devices, and their view of it: a physical address is a virtual one.

use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use crate::cell::OneCpu;

/// A page that is nobody's yet.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Page(MaybeUninit<[u8; PAGE_SIZE]>);

/// The first 64 pages that were given: a console takes 12.
struct Pool {
    start: *mut Page,
    count: u32,
    /// Bit i: page i is handed out.
    taken: u64,
}

static POOL: OneCpu<Pool> = OneCpu::new(Pool { start: ptr::null_mut(), count: 0, taken: 0 });

/// Gives the pool its memory. Only the first call counts.
pub fn give(memory: &'static mut [Page]) {
    if let Some(mut pool) = POOL.borrow()
        && pool.count == 0
    {
        pool.start = memory.as_mut_ptr();
        pool.count = memory.len().min(64) as u32;
    }
}

impl Pool {
    fn take(&mut self, pages: usize) -> Option<NonNull<Page>> {
        let run = run(pages)?;
        let last = self.count.checked_sub(run.count_ones())?;
        let first = (0..=last).find(|first| self.taken & run << first == 0)?;
        self.taken |= run << first;
        // SAFETY: Page `first` is one of the pool's.
        NonNull::new(unsafe { self.start.add(first as usize) })
    }
}

/// As many bits as pages are asked for: at least one, and fewer than 64.
fn run(pages: usize) -> Option<u64> {
    if (1..64).contains(&pages) { Some((1 << pages) - 1) } else { None }
}

/// The memory of virtio devices.
#[derive(Debug)]
pub struct IdentityMapped;

// SAFETY: The pool hands out memory that nobody else has, in whole pages; everything below 4 GiB is mapped to itself, the
// pool lies there, and so must what is asked to be mapped.
unsafe impl Hal for IdentityMapped {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let Some(memory) = POOL.borrow().and_then(|mut pool| pool.take(pages)) else {
            return (0, NonNull::dangling());
        };
        // SAFETY: The pages are as many and nobody else's.
        unsafe { ptr::write_bytes(memory.as_ptr(), 0, pages) };
        (memory.as_ptr() as PhysAddr, memory.cast())
    }

    unsafe fn dma_dealloc(_: PhysAddr, memory: NonNull<u8>, pages: usize) -> i32 {
        if let (Some(run), Some(mut pool)) = (run(pages), POOL.borrow()) {
            // The caller returns pages of `dma_alloc`, so they lie in the pool.
            let first = (memory.as_ptr().addr() - pool.start.addr()) / PAGE_SIZE;
            pool.taken &= !(run << first);
        }
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
