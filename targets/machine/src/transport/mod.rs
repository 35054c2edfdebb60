//! The transports of virtio devices on QEMU's machines: registers in memory, and PCI.
//!
//! Own code, because those of the crate `virtio-drivers` panic on some of what a device can say, wait for ever for a device
//! that does not reset, and take twice the code.

mod field;
#[cfg(target_os = "none")]
mod find;
#[cfg(all(target_os = "none", feature = "rare-machines"))]
mod legacy_pci;
mod mmio;
mod pci;
mod reset;

#[cfg(target_os = "none")]
pub use self::find::{Device, log_unused, log_unused_on_pci, name_of};
#[cfg(target_os = "none")]
pub(crate) use self::find::{find_on_pci, log_without_driver, open_on_pci};
#[cfg(all(target_os = "none", feature = "rare-machines"))]
pub use self::legacy_pci::LegacyPciTransport;
pub use self::mmio::MmioTransport;
pub use self::pci::PciTransport;
pub(crate) use self::reset::reset;

use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The transport of a device, of either kind.
#[derive(Debug)]
pub enum DeviceTransport {
    /// virtio 1.2, section 4.2, also its legacy interface.
    Mmio(MmioTransport),
    /// virtio 1.2, section 4.1.
    Pci(PciTransport),
    /// virtio 1.2, section 4.1.4.10.
    #[cfg(all(target_os = "none", feature = "rare-machines"))]
    LegacyPci(LegacyPciTransport),
}

macro_rules! either {
    ($self:ident, $transport:ident => $call:expr) => {
        match $self {
            Self::Mmio($transport) => $call,
            Self::Pci($transport) => $call,
            #[cfg(all(target_os = "none", feature = "rare-machines"))]
            Self::LegacyPci($transport) => $call,
        }
    };
}

impl Transport for DeviceTransport {
    fn device_type(&self) -> DeviceType {
        either!(self, transport => transport.device_type())
    }

    fn read_device_features(&mut self) -> u64 {
        either!(self, transport => transport.read_device_features())
    }

    fn write_driver_features(&mut self, features: u64) {
        either!(self, transport => transport.write_driver_features(features));
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        either!(self, transport => transport.max_queue_size(queue))
    }

    fn notify(&mut self, queue: u16) {
        either!(self, transport => transport.notify(queue));
    }

    fn get_status(&self) -> DeviceStatus {
        either!(self, transport => transport.get_status())
    }

    fn set_status(&mut self, status: DeviceStatus) {
        either!(self, transport => transport.set_status(status));
    }

    fn set_guest_page_size(&mut self, size: u32) {
        either!(self, transport => transport.set_guest_page_size(size));
    }

    fn requires_legacy_layout(&self) -> bool {
        either!(self, transport => transport.requires_legacy_layout())
    }

    fn queue_set(&mut self, queue: u16, size: u32, descriptors: PhysAddr, driver: PhysAddr, device: PhysAddr) {
        either!(self, transport => transport.queue_set(queue, size, descriptors, driver, device));
    }

    fn queue_unset(&mut self, queue: u16) {
        either!(self, transport => transport.queue_unset(queue));
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        either!(self, transport => transport.queue_used(queue))
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        either!(self, transport => transport.ack_interrupt())
    }

    fn read_config_generation(&self) -> u32 {
        either!(self, transport => transport.read_config_generation())
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        either!(self, transport => transport.read_config_space(offset))
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> Result<()> {
        either!(self, transport => transport.write_config_space(offset, value))
    }
}
