#![doc = include_str!("../README.md")]
//!
//! # Virtqueues and memory
//!
//! Queues must be set up before DRIVER_OK (virtio 1.2, section 3.1.1), but the device tells the number of the named port, and so
//! of its queues, only afterwards. Queues for each of up to 512 possible ports would take more pages than a small guest has. So the
//! driver sets up the control queues and the queues of port 1, where a hypervisor puts a single channel. If another port has the
//! name, the driver resets the device and initialises it again with the queues of that port. Nothing is lost, because no port was
//! opened yet.
//!
//! The driver allocates 12 pages: three for each of four queues, two of them for the rings and one for buffers. Each queue has 32
//! descriptors. The control queues use 32 buffers of 128 bytes to receive and one to send, the port's queues 8 buffers of 512 bytes
//! to receive and one of 4,096 bytes to send.
//!
//! A host that leaves without having read everything may make a reset of the device necessary. The driver then keeps the port's
//! receive queue until its bytes are read, and allocates three pages more for the new one. Without these pages the bytes are lost.
//!
//! Of [`Hal`](virtio_drivers::Hal), the driver calls only `dma_alloc` and `dma_dealloc`, and the PCI transport of `virtio-drivers`
//! calls `mmio_phys_to_virt`, where [`pci`] passes on the addresses of registers instead. Either should map the pages that it is
//! asked for, because UEFI firmware puts registers at addresses that a boot loader's mapping of physical memory does not reach. With
//! the feature `x86_64`, `OffsetHal::map_registers` does. `share` and `unshare` are never called.
//!
//! # Interrupts
//!
//! [`VirtioSerial::poll`] acknowledges the device's interrupt. Until then a device on PCI without MSI-X, or on MMIO, keeps its line
//! asserted: an interrupt handler that returns without an acknowledgement is called again at once, for ever. If the driver
//! lives elsewhere, for example in a task that the handler wakes, give the handler an [`InterruptHandle`].
//!
//! # Kernels without raw memory access
//!
//! The transports of `virtio-drivers` need pointers to the device's registers. Those of [`transport`] need an implementation of
//! [`transport::Registers`], which [`impl_registers`] makes of an expression that reads and one that writes.
//!
//! # Trust
//!
//! The device may be malicious. Lengths that it returns are limited to the buffer's size, messages are copied before they are
//! parsed, and unknown messages are skipped. If the device breaks the rules of the rings, so that the driver no longer knows which
//! side owns a buffer, the driver resets the device and stops. [`VirtioSerial::failure`] then says why.

#![no_std]

#[cfg(test)]
extern crate std;

mod barrier;
#[cfg(feature = "nanoqga")]
mod channel;
mod connection;
mod console;
mod control;
mod device;
mod driver;
mod error;
mod interrupt;
mod io;
#[cfg(all(feature = "x86_64", target_arch = "x86_64"))]
mod map_registers;
#[cfg(target_has_atomic = "32")]
mod offset_hal;
pub mod pci;
mod ring;
pub mod transport;
mod virtqueue;
#[cfg(feature = "vsock")]
pub mod vsock;

pub use connection::Event;
pub use console::{MAX_READ, MAX_UNREAD};
pub use driver::VirtioSerial;
pub use error::Error;
pub use interrupt::{InterruptHandle, InterruptRegister};
#[cfg(target_has_atomic = "32")]
pub use offset_hal::OffsetHal;
