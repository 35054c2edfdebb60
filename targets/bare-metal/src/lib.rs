//! nanoqga as a bootable image: everything of the machine.
#![no_std]
#[cfg(target_os = "none")]
pub mod arch;
