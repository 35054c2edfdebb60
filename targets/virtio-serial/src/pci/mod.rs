//! Finds virtio consoles on PCI, and the registers that [`PciTransport`](crate::transport::PciTransport) drives.
//!
//! [`open`] starts the driver of the first console. The kernel maps the addresses that it is asked for. Firmware, or the kernel,
//! must have given the buses their numbers and the device its addresses. The steps can also be taken one by one: [`consoles`] looks
//! on all buses, and [`enable`] returns where a device's structures lie in physical memory and which interrupt line it has.
//!
//! ```
//! use core::ops::Range;
//! use virtio_drivers::Hal;
//! use virtio_drivers::transport::pci::bus::ConfigurationAccess;
//! use virtio_serial::pci::{self, OpenError, PciPort};
//! use virtio_serial::transport::MappedRegisters;
//!
//! /// The agent's port. `map` maps physical addresses as device memory.
//! fn port<H: Hal, C: ConfigurationAccess>(
//!     access: &mut C,
//!     map: impl FnMut(Range<u64>) -> Option<MappedRegisters>,
//! ) -> Result<PciPort<H, MappedRegisters>, OpenError> {
//!     pci::open(access, "org.qemu.guest_agent.0", map)
//! }
//! ```

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod configuration_ports;
mod console;
mod error;
mod header;
mod open;
mod port_access;
mod structures;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub use self::configuration_ports::ConfigurationPorts;
pub use self::console::{PciConsole, consoles, enable};
pub use self::error::PciError;
pub use self::open::{OpenError, PciPort, open};
pub use self::port_access::PortAccess;
pub use self::structures::{BarPart, structures};
