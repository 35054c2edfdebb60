//! Transports for kernels that give no raw access to registers.
//!
//! A kernel implements [`Registers`] for its own kind of device memory, such as `IoMem` of Asterinas' OSTD. [`MmioTransport`] and
//! [`PciTransport`] are then what [`VirtioSerial::new`](crate::VirtioSerial::new) takes. They never panic and never wait.
//!
//! ```
//! use virtio_drivers::Hal;
//! use virtio_serial::transport::MmioTransport;
//! use virtio_serial::{Error, VirtioSerial};
//!
//! /// Device memory of this kernel, with checked accesses of 1, 2 and 4 bytes. Offsets outside of it are an error.
//! # #[derive(Debug)]
//! struct IoMem { /* .. */ }
//! # impl IoMem {
//! #     fn size(&self) -> usize { 0 }
//! #     fn read<T: Default>(&self, _: usize) -> Result<T, ()> { Err(()) }
//! #     fn write<T>(&self, _: usize, _: T) -> Result<(), ()> { Err(()) }
//! # }
//!
//! virtio_serial::impl_registers! {
//!     for IoMem,
//!     size: |memory| memory.size(),
//!     read: |memory, offset| memory.read(offset).unwrap_or_default(),
//!     write: |memory, offset, value| _ = memory.write(offset, value),
//! }
//!
//! /// Starts the driver of the device whose registers these are.
//! fn start<H: Hal>(registers: IoMem) -> Option<VirtioSerial<H, MmioTransport<IoMem>>> {
//!     let transport = MmioTransport::new(registers).ok()?;
//!     VirtioSerial::new(transport, "org.qemu.guest_agent.0").ok()
//! }
//! ```

mod configuration;
mod error;
mod mmio;
mod pci;
mod registers;

pub use self::error::TransportError;
pub use self::mmio::MmioTransport;
pub(crate) use self::mmio::{INTERRUPT_ACK, INTERRUPT_STATUS};
pub use self::pci::{PciStructures, PciTransport};
pub use self::registers::{MappedRegisters, Registers};
