#![doc = include_str!("../README.md")]
//!
//! # Which virtqueues exist
//!
//! Queues must be set up before DRIVER_OK (section 3.1.1), but the number of the named port, and so of its queues, is
//! told only afterwards. Setting up a pair of queues for each of up to 512 possible ports would cost pages that a small
//! guest does not have. So the driver sets up the control queues and the queues of one port, at first port 1, where a
//! hypervisor puts a lone channel. When the name turns up on another port, the device is reset and initialised once more
//! with that port's queues instead; nothing is lost, as no port has been opened yet. No queue is ever set up late.
//!
//! The driver holds 12 pages: three for each of four queues, one of them for its buffers; and three more, if it gets them,
//! while bytes are unread that came before a reset.
//!
//! # Trust
//!
//! The device is trusted as little as a network peer: its lengths are cut to the buffers they speak of, its messages are
//! copied before they are looked at, unknown ones are skipped. A device that breaks the rules of the rings, so that it is
//! no longer known who owns a buffer, is reset and left alone: [`VirtioSerial::failure`] then says why.

#![no_std]

mod barrier;
mod connection;
mod control;
mod device;
mod driver;
mod error;
mod io;
mod ring;
mod virtqueue;

pub use connection::Event;
pub use device::{MAX_READ, MAX_UNREAD};
pub use driver::VirtioSerial;
pub use error::Error;
