//! nanoqga as a bootable image: everything of the machine.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod acpi;
#[cfg(target_os = "none")]
pub mod arch;
pub mod command_line;
pub mod date;
pub mod memory;
pub mod pvh;
#[cfg(test)]
mod testing;
