#![doc = include_str!("../README.md")]

pub mod executable;
pub mod foreign;
pub mod initramfs;
pub mod libvirt;
pub mod linux;
pub mod packages;
pub mod qemu;
pub mod reference;
pub mod xen;
