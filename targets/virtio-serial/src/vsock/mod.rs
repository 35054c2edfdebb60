//! A driver for virtio socket devices (virtio 1.2, section 5.10), without an allocator. Needs the feature `vsock`.
//!
//! [`Vsock`] takes connections to one port: up to four at a time, of streams. It opens none of its own. Each is a [`Stream`] at a place
//! of its own, so one that does not read keeps only itself waiting. Whoever connects while all places are taken, to another port, or
//! from somewhere else than the host, is sent a RST. Up to eight such packets wait for a buffer; further ones are dropped, because
//! receiving must never wait for sending (section 5.10.6.1).
//!
//! Many hypervisors have no other channel to a guest, and Firecracker, Cloud Hypervisor and QEMU have this one. But every user of the
//! host may connect to it, where a virtio console belongs to whoever started the guest.
//!
//! # A peer that leaves
//!
//! What it sent can still be read, and what is written to it is dropped. Its place is free when everything was read and
//! [`Stream::finish`] was called. A peer that only sends no more still receives what is written. The connection ends when `finish` is
//! called: the peer is told, and answers with RST. If it does not, the next one takes its place.
//!
//! # Memory
//!
//! The driver allocates 40 pages: two for the rings of each of three queues, 16 for received packets, 17 for packets to send, and one
//! for events. Received bytes lie in the memory that [`Vsock::new`] is given. Each packet is one buffer with one descriptor, for
//! header and data together, which devices accept if they are not older than Linux 6.2 or do not care.
//!
//! # Trust
//!
//! Device and peers may be malicious. A peer that sends more than its credit allows, or a packet that makes no sense, is sent a RST. One that
//! lies about its own credit only keeps itself waiting. If the device breaks the rules of the rings, the driver resets it and stops, as
//! that of consoles does.

#[cfg(feature = "nanoqga")]
mod channel;
mod connection;
mod driver;
mod packet;
mod queues;
mod resets;
mod stream;
mod transmit;
mod window;

pub use self::driver::{MAX_CONNECTIONS, Peers, Vsock};
pub use self::stream::Stream;
