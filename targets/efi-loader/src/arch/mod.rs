//! What differs between CPUs: the way from the CPU's state under firmware to the one that the image is entered in.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "riscv64")]
mod riscv64;

#[cfg(target_arch = "aarch64")]
pub use self::aarch64::{Cpu, DEVICE_TREE, RAM_END, enter};
#[cfg(target_arch = "riscv64")]
pub use self::riscv64::{Cpu, DEVICE_TREE, RAM_END, enter};
