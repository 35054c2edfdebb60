//! nanoqga as a bootable image: everything of the machine.
//!
//! `arch` drives the machine itself, a folder for each architecture; the other modules are the same on all of them.
//! What only reads what firmware or a loader wrote is pure, and tested on the host.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod acpi;
#[cfg(all(target_os = "none", feature = "appliance"))]
pub mod appliance;
#[cfg(target_os = "none")]
pub mod arch;
#[cfg(target_os = "none")]
mod cell;
#[cfg(target_os = "none")]
pub mod channel;
#[cfg(target_os = "none")]
pub mod channels;
#[cfg(target_os = "none")]
pub mod clock;
pub mod command_line;
#[cfg(target_os = "none")]
pub mod console;
pub mod date;
pub mod device_tree;
#[cfg(target_os = "none")]
pub mod guest;
#[cfg(target_os = "none")]
pub mod heap;
#[cfg(target_os = "none")]
pub mod last_words;
pub mod load;
pub mod memory;
pub mod memory_blocks;
pub mod multiboot2;
pub mod pci;
pub mod processors;
pub mod pvh;
pub mod serial;
pub mod start_info;
#[cfg(test)]
mod testing;
pub mod transport;
#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
pub mod virt;
pub mod virtio_blk;
