//! nanoqga on Linux: what a host can ask of a guest with a kernel under it, from that kernel alone.
//!
//! Without std, whose panics alone make a static program as large as this one may be: `alloc`, rustix for the kernel, and
//! libc for what it knows better.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[macro_use]
pub mod log;

pub mod agent;
pub mod channel;
pub mod daemon;
pub mod getopt;
pub mod guest;
pub mod init;
pub mod key_file;
pub mod options;
pub mod program;
pub mod serve;
pub mod signals;
mod system;
