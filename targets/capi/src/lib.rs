//! The agent for kernels written in C: `libnanoqga.a`. `nanoqga.h` is generated from this crate, comments and all.
//!
//! - [`agent`] has the functions that every kernel calls: bytes in, bytes out.
//! - [`callbacks`] has a table for each family of commands, [`families`] the function that adds it to an agent. What a kernel
//!   does not add is not linked.
//! - [`own`] adds commands of the kernel's own.
//!
//! All unsafe code is about pointers from C or for C. The header states what C must guarantee for them.
#![no_std]
#![deny(missing_docs)]
#![expect(clippy::missing_safety_doc, reason = "the comments are the header's, which says what C must guarantee")]

pub mod agent;
pub mod callbacks;
pub mod families;
pub mod own;
pub mod status;

mod flag;
mod guest;
mod open_files;
mod text;

pub use agent::Nanoqga;
pub use flag::Flag;
pub use status::Status;

/// Never called: the tests check that no kernel links it.
// Where panics unwind, in tests, std is there and has one.
#[cfg(panic = "abort")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

#[cfg(panic = "unwind")]
extern crate std;
