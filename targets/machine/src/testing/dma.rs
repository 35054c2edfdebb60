//! What the tests of drivers share: memory for device models, their clock, and their configuration.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::vec::Vec;

use virtio_drivers::{BufferDirection, Error, Hal, PAGE_SIZE, PhysAddr, Result};
use zerocopy::FromBytes;

/// Memory whose physical addresses are its virtual ones.
pub struct Host;

std::thread_local! {
    pub static PAGES_OUT: Cell<usize> = const { Cell::new(0) };
    pub static NOW: Cell<u64> = const { Cell::new(0) };
    pub static NAPS: RefCell<Vec<(u64, bool)>> = const { RefCell::new(Vec::new()) };
    /// What happens during a nap. Returns whether that ends it at once.
    pub static AT_NAPS: RefCell<Option<Box<dyn FnMut() -> bool>>> = const { RefCell::new(None) };
}

fn layout(pages: usize) -> Layout {
    Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).unwrap()
}

// SAFETY: The allocator hands out memory that nobody else has, in pages.
unsafe impl Hal for Host {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        PAGES_OUT.set(PAGES_OUT.get() + pages);
        // SAFETY: No layout is empty.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout(pages)) }).unwrap();
        (memory.as_ptr().expose_provenance() as PhysAddr, memory)
    }

    unsafe fn dma_dealloc(_: PhysAddr, memory: NonNull<u8>, pages: usize) -> i32 {
        PAGES_OUT.set(PAGES_OUT.get() - pages);
        // SAFETY: The caller returns what `dma_alloc` gave.
        unsafe { dealloc(memory.as_ptr(), layout(pages)) };
        0
    }

    unsafe fn mmio_phys_to_virt(_: PhysAddr, _: usize) -> NonNull<u8> {
        unreachable!("only transports on PCI ask")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr().expose_provenance() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

/// A clock on which every look takes a second.
pub fn clock() -> Option<u64> {
    NOW.set(NOW.get() + 1_000_000_000);
    Some(NOW.get())
}

/// A clock on which a look takes ten microseconds.
pub fn fine_clock() -> Option<u64> {
    NOW.set(NOW.get() + 10_000);
    Some(NOW.get())
}

/// Sleeps, and notes how. What [`AT_NAPS`] has is done meanwhile.
pub fn nap(ns: u64, deaf: bool) {
    NAPS.with_borrow_mut(|naps| naps.push((ns, deaf)));
    let end_early = AT_NAPS.with_borrow_mut(|at_naps| at_naps.as_mut().is_some_and(|work| work()));
    if !end_early {
        NOW.set(NOW.get() + ns);
    }
}

pub fn read<T: Copy>(address: u64) -> T {
    // SAFETY: The driver gave this address for the device to use.
    unsafe { core::ptr::with_exposed_provenance::<T>(address as usize).read_volatile() }
}

pub fn write<T>(address: u64, value: T) {
    // SAFETY: As above.
    unsafe { core::ptr::with_exposed_provenance_mut::<T>(address as usize).write_volatile(value) }
}

/// A field of a device's configuration.
pub fn field<T: FromBytes>(configuration: &[u8], offset: usize) -> Result<T> {
    let field = configuration.get(offset..).ok_or(Error::ConfigSpaceTooSmall)?;
    T::read_from_prefix(field).map(|(value, _)| value).map_err(|_| Error::ConfigSpaceTooSmall)
}
