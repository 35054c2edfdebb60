//! The parts of the loader that need no firmware: tested on the host, and used by `cargo xtask image` to make its file.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod device_tree;
pub mod payload;
