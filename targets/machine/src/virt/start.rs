//! What the loader left in memory: the device tree, and the RAM that is free.

use core::mem::MaybeUninit;
use core::ops::Range;
use core::ptr;
use core::slice;

use heapless::Vec;

use crate::arch;
use crate::device_tree::Tree;
use crate::memory::{Ram, largest_free};

unsafe extern "C" {
    static __image_start: u8;
    static __image_end: u8;
}

/// The image's own memory, with its stack and the guard page below that.
fn image() -> Range<u64> {
    (&raw const __image_start).addr() as u64..(&raw const __image_end).addr() as u64
}

/// The tree at an address, and the memory that it takes.
///
/// # Safety
/// Whatever has its magic number there must be the tree that the loader left, and must stay as it is. Called before there is
/// a heap.
pub(super) unsafe fn tree_at(address: u64) -> Option<(Tree<'static>, Range<u64>)> {
    let bytes = |length: usize| {
        let end = address.checked_add(length as u64)?;
        let apart = end <= image().start || image().end <= address;
        let readable = arch::RAM.contains(&address) && end <= arch::RAM.end && address.is_multiple_of(8) && apart;
        // SAFETY: All of it is mapped as RAM, and Rust knows no other object outside of the image.
        readable.then(|| unsafe { slice::from_raw_parts(ptr::with_exposed_provenance::<u8>(address as usize), length) })
    };
    let blob = bytes(Tree::size(bytes(8)?)?)?;
    Some((Tree::new(blob)?, address..address + blob.len() as u64))
}

/// Takes the largest free piece of RAM above the image for the heap: clear of the tree, and of what it says is reserved.
///
/// # Safety
/// The tree must lie in `taken`. Called once.
pub(super) unsafe fn heap(ram: &[Ram], tree: &Tree<'_>, taken: Range<u64>) -> Option<&'static mut [MaybeUninit<u8>]> {
    // There is room for all.
    let mut all_taken = Vec::<_, 17>::new();
    let _ = all_taken.push(taken);
    tree.reserved().iter().for_each(|reserved| _ = all_taken.push(reserved.start..reserved.end));
    let heap = largest_free(ram, image().end..arch::RAM.end, &all_taken)?;
    let size = (heap.end - heap.start) as usize;
    // SAFETY: The tree says that this is RAM, the image lies below it, and nothing that is read later lies there.
    Some(unsafe { slice::from_raw_parts_mut(ptr::with_exposed_provenance_mut(heap.start as usize), size) })
}
