//! The driver with pages of memory that is mapped at an offset.
//!
//! All kernels have this HAL's pages in common, so this is one test.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE};
use virtio_serial::OffsetHal;

const PAGES: usize = 16;
const OFFSET: usize = 4 * PAGE_SIZE;

#[test]
fn pages_are_handed_out_once_until_they_are_returned() {
    assert_eq!(OffsetHal::dma_alloc(1, BufferDirection::Both).0, 0, "nothing was given yet");

    let layout = Layout::from_size_align(PAGES * PAGE_SIZE, PAGE_SIZE).unwrap();
    // SAFETY: the layout is not empty.
    let memory = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
    let physical = (memory.expose_provenance().get() - OFFSET) as u64;
    // SAFETY: nobody else uses the memory, and it is freed when no page will be taken any more.
    unsafe { OffsetHal::give(physical, PAGES, OFFSET) };
    // SAFETY: the second call has no effect.
    unsafe { OffsetHal::give(physical + 4096, PAGES + 1, 0) };
    assert_eq!(OffsetHal::offset(), OFFSET);

    let take = |pages| {
        let (address, start) = OffsetHal::dma_alloc(pages, BufferDirection::Both);
        (address != 0).then(|| {
            assert_eq!(start.addr().get() as u64 - address, OFFSET as u64);
            assert_eq!(address % PAGE_SIZE as u64, 0);
            // SAFETY: the pages are this test's until they are returned.
            let bytes = unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), pages * PAGE_SIZE) };
            assert!(bytes.iter().all(|&byte| byte == 0), "pages are zeroed");
            bytes.fill(0xa5);
            (address, start)
        })
    };
    // SAFETY: what is passed is what `take` has returned.
    let put_back = |(address, start), pages| assert_eq!(unsafe { OffsetHal::dma_dealloc(address, start, pages) }, 0);

    let taken: Vec<_> = (0..5).map(|_| take(3).unwrap()).collect();
    assert!(taken.iter().zip(0..).all(|(&(address, _), index)| address == physical + index * 3 * PAGE_SIZE as u64));
    assert_eq!(take(3), None, "one page is left");
    put_back(taken[3], 3);
    put_back(taken[1], 3);
    assert_eq!(take(4), None, "six pages are free, but not in a row");
    assert_eq!(take(3), Some(taken[1]));
    let one = take(1).unwrap();
    assert_eq!(one, taken[3]);
    assert_eq!(take(3), None);
    put_back(one, 1);
    put_back(taken[4], 3);
    assert_eq!(take(7), Some(taken[3]), "to the last page");
    for pages in [0, 17, 32, 33, usize::MAX] {
        assert_eq!(take(pages), None);
    }
    for taken in [taken[0], taken[1], taken[2]] {
        put_back(taken, 3);
    }
    put_back(taken[3], 7);
    assert_eq!(take(PAGES), Some(taken[0]));
    assert_eq!(take(1), None);
    // SAFETY: the memory has this layout, and all its pages are taken, so that nobody takes one again.
    unsafe { dealloc(memory.as_ptr(), layout) };
}
