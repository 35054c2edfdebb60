//! What the whole-system tests share: the recorded conversations, and guests to hold them with.
//!
//! The tests are in `qemu/`, `libvirt/`, `linux/`, `capi/`, `differential/`, `hostile/`, `soak/`, `dist/` and `kernels/`, by scenario. A failure shows the end
//! of the guest's console.

pub mod booted;
pub mod conformance;
pub mod disk;
pub mod hostile;
pub mod hosts;
pub mod images;
pub mod migration;
#[cfg(test)]
mod pages;
pub mod processor;
pub mod program;
pub mod recorded;
#[cfg(test)]
mod security;
pub mod sockets;
pub mod time;

pub use booted::{Booted, soon};
pub use images::image;
pub use program::Program;
