//! What the loader does that needs no firmware, and what it has in common with whoever makes its file.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod device_tree;
pub mod payload;
