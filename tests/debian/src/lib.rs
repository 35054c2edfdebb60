#![doc = include_str!("../README.md")]

pub mod cpio;
pub mod executable;
pub mod linux;
pub mod packages;
pub mod qemu;
pub mod reference;
