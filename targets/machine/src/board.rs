//! The board that a CPU of this kind is on: `pc` or `virt`. `board_interface.rs` lists what either must offer.

#[cfg(target_arch = "x86_64")]
pub use crate::pc::*;
#[cfg(not(target_arch = "x86_64"))]
pub use crate::virt::*;
