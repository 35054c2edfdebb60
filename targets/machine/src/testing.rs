//! Physical memory made by tests.

pub mod dma;

use std::vec::Vec;

use crate::memory::Memory;

/// Memory that begins at physical address 0 and ends where its bytes do.
pub struct Image(Vec<u8>);

impl Image {
    pub fn new(size: usize) -> Self {
        Self(std::vec![0; size])
    }

    pub fn put(&mut self, address: usize, bytes: &[u8]) {
        self.0[address..address + bytes.len()].copy_from_slice(bytes);
    }
}

impl Memory for Image {
    fn bytes(&self, address: u64, length: usize) -> Option<&[u8]> {
        self.0.get(usize::try_from(address).ok()?..)?.get(..length)
    }
}
