//! The pages that a domain shares with others (public/io/xs_wire.h and public/io/console.h).

use core::sync::atomic::{AtomicU8, AtomicU32};

use super::ring::Ring;

/// The store's page.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct StorePage {
    requests: [AtomicU8; 1024],
    replies: [AtomicU8; 1024],
    requests_taken: AtomicU32,
    requests_put: AtomicU32,
    replies_taken: AtomicU32,
    replies_put: AtomicU32,
}

impl StorePage {
    /// The ring of requests to the store.
    pub const fn requests(&self) -> Ring<'_> {
        Ring::new(&self.requests, &self.requests_taken, &self.requests_put)
    }

    /// The ring of what the store says.
    pub const fn replies(&self) -> Ring<'_> {
        Ring::new(&self.replies, &self.replies_taken, &self.replies_put)
    }
}

/// A console's page.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct ConsolePage {
    input: [AtomicU8; 1024],
    output: [AtomicU8; 2048],
    input_taken: AtomicU32,
    input_put: AtomicU32,
    output_taken: AtomicU32,
    output_put: AtomicU32,
}

impl ConsolePage {
    /// A page without any bytes.
    pub const fn new() -> Self {
        Self {
            input: [const { AtomicU8::new(0) }; 1024],
            output: [const { AtomicU8::new(0) }; 2048],
            input_taken: AtomicU32::new(0),
            input_put: AtomicU32::new(0),
            output_taken: AtomicU32::new(0),
            output_put: AtomicU32::new(0),
        }
    }

    /// The ring of bytes from the host.
    pub const fn input(&self) -> Ring<'_> {
        Ring::new(&self.input, &self.input_taken, &self.input_put)
    }

    /// The ring of bytes to the host.
    pub const fn output(&self) -> Ring<'_> {
        Ring::new(&self.output, &self.output_taken, &self.output_put)
    }
}

impl Default for ConsolePage {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use core::mem::{offset_of, size_of};
    use core::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn pages_are_laid_out_as_xen_says() {
        assert_eq!((size_of::<StorePage>(), size_of::<ConsolePage>()), (4096, 4096));
        assert_eq!((offset_of!(StorePage, requests), offset_of!(StorePage, replies)), (0, 1024));
        assert_eq!((offset_of!(StorePage, requests_taken), offset_of!(StorePage, requests_put)), (2048, 2052));
        assert_eq!((offset_of!(StorePage, replies_taken), offset_of!(StorePage, replies_put)), (2056, 2060));
        assert_eq!((offset_of!(ConsolePage, input), offset_of!(ConsolePage, output)), (0, 1024));
        assert_eq!((offset_of!(ConsolePage, input_taken), offset_of!(ConsolePage, input_put)), (3072, 3076));
        assert_eq!((offset_of!(ConsolePage, output_taken), offset_of!(ConsolePage, output_put)), (3080, 3084));
    }

    #[test]
    fn a_store_has_a_ring_for_each_way() {
        let page = StorePage {
            requests: [const { AtomicU8::new(0) }; 1024],
            replies: [const { AtomicU8::new(0) }; 1024],
            requests_taken: AtomicU32::new(0),
            requests_put: AtomicU32::new(0),
            replies_taken: AtomicU32::new(0),
            replies_put: AtomicU32::new(5),
        };
        assert_eq!((page.requests().put(b"abc"), page.requests().used()), (3, 3));
        assert_eq!(page.requests_put.load(Ordering::Relaxed), 3);
        assert_eq!((page.replies().take(&mut [0; 2]), page.replies().used()), (2, 3));
        assert_eq!(page.replies_taken.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_console_has_a_ring_for_each_way() {
        let page = ConsolePage::new();
        assert_eq!(page.output().put(&[b'o'; 3000]), 2048);
        assert_eq!((page.output_put.load(Ordering::Relaxed), page.output_taken.load(Ordering::Relaxed)), (2048, 0));
        assert_eq!((page.input().used(), page.input().room()), (0, 1024));
        page.input_put.store(7, Ordering::Relaxed);
        assert_eq!((page.input().used(), page.output().room()), (7, 0));
    }
}
