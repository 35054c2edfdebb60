#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

pub mod acpi;
#[cfg(target_os = "none")]
mod arch;
#[cfg(target_os = "none")]
mod board;
#[cfg(target_os = "none")]
mod board_interface;
#[cfg(target_os = "none")]
pub mod cell;
#[cfg(target_os = "none")]
pub mod clock;
pub mod command_line;
#[cfg(target_os = "none")]
pub mod console;
pub mod date;
pub mod device_tree;
#[cfg(target_os = "none")]
mod entry;
mod exchange;
pub mod fw_cfg;
#[cfg(target_os = "none")]
pub mod heap;
#[cfg(target_os = "none")]
mod hotplug;
#[cfg(target_os = "none")]
pub mod last_words;
pub mod log;
pub mod memory;
pub mod memory_blocks;
pub mod multiboot2;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
mod pc;
pub mod pci;
pub mod processors;
pub mod pvh;
#[cfg(target_os = "none")]
pub mod room;
mod serial_place;
pub mod start_info;
#[cfg(test)]
mod testing;
pub mod tick;
pub mod transport;
#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
mod tree;
#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
mod virt;
pub mod virtio_blk;
#[cfg(target_os = "none")]
pub mod virtio_net;
pub mod virtio_scsi;
pub mod virtqueue;
#[cfg(target_os = "none")]
mod wait;
pub mod xen;

#[cfg(target_os = "none")]
pub use self::entry::Handover;
#[cfg(target_os = "none")]
pub use self::hotplug::Hotplug;
#[cfg(target_os = "none")]
pub use arch::{ARCHITECTURE, halt, timestamp};
#[cfg(target_os = "none")]
pub use board::{HostFiles, LogPort, Machine, PowerButton, PowerError, SerialPort, Suspend, Timer, monotonic_ns, nap};
pub use serial_place::SerialPlace;
