//! The driver of socket devices against a device that was written from the specification.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod device;
mod liar;
#[path = "../serial/memory.rs"]
#[allow(dead_code, reason = "consoles' tests need more of it")]
mod memory;
mod packet;
mod peer;
#[path = "../serial/queue.rs"]
#[allow(dead_code, reason = "consoles' tests need more of it")]
mod queue;
mod wire;

mod credit;
mod leaving;
mod lying;
mod random;
mod talking;
