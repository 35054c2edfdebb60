//! The driver against a device that was written from the specification.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod bench;
mod device;
mod liar;
mod memory;
mod queue;
mod registers;

#[cfg(feature = "nanoqga")]
mod channel;
mod configuration_space;
mod finding;
mod interrupts;
mod kept;
mod lifetime;
mod lying;
mod offset_hal;
mod single;
mod talking;
mod transports;
