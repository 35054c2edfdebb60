//! Channels that are neither a virtio-serial port nor a UART.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod linux;
mod siblings;
mod vsock;
