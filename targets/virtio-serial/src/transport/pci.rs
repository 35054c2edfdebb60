//! virtio on PCI: virtio 1.2, section 4.1, without the legacy interface.

use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::configuration;
use super::error::TransportError;
use super::registers::Registers;

// Offsets of registers in the common configuration (section 4.1.4.3), in bytes.
const DEVICE_FEATURE_SELECT: usize = 0;
const DEVICE_FEATURE: usize = 4;
const DRIVER_FEATURE_SELECT: usize = 8;
const DRIVER_FEATURE: usize = 12;
const DEVICE_STATUS: usize = 20;
const CONFIG_GENERATION: usize = 21;
const QUEUE_SELECT: usize = 22;
const QUEUE_SIZE: usize = 24;
const QUEUE_ENABLE: usize = 28;
const QUEUE_NOTIFY_OFF: usize = 30;
const QUEUE_DESC: usize = 32;
const QUEUE_DRIVER: usize = 40;
const QUEUE_DEVICE: usize = 48;
const COMMON_SIZE: usize = 56;

/// The structures of a virtio device on PCI (section 4.1.4). Its capabilities say in which BAR, at which offset and of which size
/// each is; [`pci::enable`](crate::pci::enable) reads those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciStructures<R> {
    /// The common configuration (VIRTIO_PCI_CAP_COMMON_CFG).
    pub common: R,
    /// The notification structure (VIRTIO_PCI_CAP_NOTIFY_CFG).
    pub notify: R,
    /// `notify_off_multiplier` of the notification capability.
    pub notify_multiplier: u32,
    /// The ISR status (VIRTIO_PCI_CAP_ISR_CFG).
    pub isr: R,
    /// The device's own configuration (VIRTIO_PCI_CAP_DEVICE_CFG).
    pub device: R,
}

impl<R> PciStructures<R> {
    /// Calls `map` for each structure, for example to map the physical addresses that [`pci::enable`](crate::pci::enable) has
    /// found. `None` as soon as `map` returns `None`.
    pub fn try_map<S>(self, mut map: impl FnMut(R) -> Option<S>) -> Option<PciStructures<S>> {
        Some(PciStructures {
            common: map(self.common)?,
            notify: map(self.notify)?,
            notify_multiplier: self.notify_multiplier,
            isr: map(self.isr)?,
            device: map(self.device)?,
        })
    }
}

/// A virtio device on PCI. Its BARs must be assigned, and memory space and bus mastering enabled.
#[derive(Debug)]
pub struct PciTransport<R> {
    device_type: DeviceType,
    structures: PciStructures<R>,
}

impl<R: Registers> PciTransport<R> {
    /// The device with these structures, and of the type that its PCI device ID says.
    ///
    /// # Errors
    /// The window of a structure is too small.
    pub fn new(device_type: DeviceType, structures: PciStructures<R>) -> core::result::Result<Self, TransportError> {
        if structures.common.size() < COMMON_SIZE || structures.isr.size() == 0 {
            return Err(TransportError::WindowTooSmall);
        }
        Ok(Self { device_type, structures })
    }

    /// The register by which the device's interrupts are acknowledged.
    pub(crate) const fn isr(&self) -> &R {
        &self.structures.isr
    }

    fn select(&self, queue: u16) -> &R {
        self.structures.common.write_u16(QUEUE_SELECT, queue);
        &self.structures.common
    }

    /// Where the device wants to be notified of a queue, if that is in the window.
    fn notify_offset(&self, queue: u16) -> Option<usize> {
        let index = self.select(queue).read_u16(QUEUE_NOTIFY_OFF);
        let offset = usize::try_from(u64::from(index) * u64::from(self.structures.notify_multiplier)).ok()?;
        let end = offset.checked_add(2)?;
        (end <= self.structures.notify.size() && offset % 2 == 0).then_some(offset)
    }
}

impl<R: Registers> Transport for PciTransport<R> {
    fn device_type(&self) -> DeviceType {
        self.device_type
    }

    fn read_device_features(&mut self) -> u64 {
        let common = &self.structures.common;
        let [low, high] = [0, 1].map(|half| {
            common.write_u32(DEVICE_FEATURE_SELECT, half);
            u64::from(common.read_u32(DEVICE_FEATURE))
        });
        high << 32 | low
    }

    fn write_driver_features(&mut self, features: u64) {
        let common = &self.structures.common;
        for (half, features) in [(0, features), (1, features >> 32)] {
            common.write_u32(DRIVER_FEATURE_SELECT, half);
            common.write_u32(DRIVER_FEATURE, features as u32);
        }
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.select(queue).read_u16(QUEUE_SIZE).into()
    }

    /// A device that wants to be notified outside of its window is not notified.
    fn notify(&mut self, queue: u16) {
        if let Some(offset) = self.notify_offset(queue) {
            self.structures.notify.write_u16(offset, queue);
        }
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_truncate(self.structures.common.read_u8(DEVICE_STATUS).into())
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.structures.common.write_u8(DEVICE_STATUS, status.bits() as u8);
    }

    /// Only legacy devices have this.
    fn set_guest_page_size(&mut self, _: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(&mut self, queue: u16, size: u32, descriptors: PhysAddr, driver: PhysAddr, device: PhysAddr) {
        let common = self.select(queue);
        common.write_u16(QUEUE_SIZE, size as u16);
        for (register, address) in [(QUEUE_DESC, descriptors), (QUEUE_DRIVER, driver), (QUEUE_DEVICE, device)] {
            // Registers of 64 bits are written in halves (section 4.1.3.1).
            common.write_u32(register, address as u32);
            common.write_u32(register + 4, (address >> 32) as u32);
        }
        common.write_u16(QUEUE_ENABLE, 1);
    }

    /// Only a reset of the device disables a queue (section 4.1.4.3.2).
    fn queue_unset(&mut self, _: u16) {}

    fn queue_used(&mut self, queue: u16) -> bool {
        self.select(queue).read_u16(QUEUE_ENABLE) != 0
    }

    /// Reading the ISR status acknowledges the interrupt.
    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::from_bits_retain(self.structures.isr.read_u8(0).into())
    }

    fn read_config_generation(&self) -> u32 {
        self.structures.common.read_u8(CONFIG_GENERATION).into()
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        configuration::read(&self.structures.device, 0, offset)
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> Result<()> {
        configuration::write(&self.structures.device, 0, offset, value)
    }
}
