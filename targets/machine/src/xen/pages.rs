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
