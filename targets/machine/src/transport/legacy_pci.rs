//! virtio's legacy interface on PCI: registers in I/O ports (virtio 1.2, section 4.1.4.10).

use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{PAGE_SIZE, PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::board::IoPorts;

// Offsets of the registers, in bytes.
const DEVICE_FEATURES: u16 = 0;
const DRIVER_FEATURES: u16 = 4;
const QUEUE_ADDRESS: u16 = 8;
const QUEUE_SIZE: u16 = 12;
const QUEUE_SELECT: u16 = 14;
const QUEUE_NOTIFY: u16 = 16;
const DEVICE_STATUS: u16 = 18;
const ISR_STATUS: u16 = 19;
/// The device's own configuration, as long as its MSI-X is off.
const CONFIGURATION: u16 = 20;

/// A virtio device that is driven through its legacy interface.
#[derive(Debug)]
pub struct LegacyPciTransport {
    device_type: DeviceType,
    ports: IoPorts,
}

impl LegacyPciTransport {
    /// The device with these ports, which [`pci::enable_legacy`](crate::pci::enable_legacy) found.
    pub(super) const fn new(device_type: DeviceType, ports: IoPorts) -> Self {
        Self { device_type, ports }
    }
}

impl Transport for LegacyPciTransport {
    fn device_type(&self) -> DeviceType {
        self.device_type
    }

    fn read_device_features(&mut self) -> u64 {
        self.ports.read::<u32>(DEVICE_FEATURES).into()
    }

    fn write_driver_features(&mut self, features: u64) {
        self.ports.write(DRIVER_FEATURES, features as u32);
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.ports.write(QUEUE_SELECT, queue);
        self.ports.read::<u16>(QUEUE_SIZE).into()
    }

    fn notify(&mut self, queue: u16) {
        self.ports.write(QUEUE_NOTIFY, queue);
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_truncate(self.ports.read::<u8>(DEVICE_STATUS).into())
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.ports.write(DEVICE_STATUS, status.bits() as u8);
    }

    /// Does nothing: it is always 4096.
    fn set_guest_page_size(&mut self, _: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        true
    }

    /// The size is the device's own, and the rings follow the descriptors at fixed distances.
    fn queue_set(&mut self, queue: u16, _: u32, descriptors: PhysAddr, _: PhysAddr, _: PhysAddr) {
        self.ports.write(QUEUE_SELECT, queue);
        self.ports.write(QUEUE_ADDRESS, (descriptors / PAGE_SIZE as PhysAddr) as u32);
    }

    fn queue_unset(&mut self, queue: u16) {
        self.ports.write(QUEUE_SELECT, queue);
        self.ports.write(QUEUE_ADDRESS, 0u32);
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.ports.write(QUEUE_SELECT, queue);
        self.ports.read::<u32>(QUEUE_ADDRESS) != 0
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::from_bits_retain(self.ports.read::<u8>(ISR_STATUS).into())
    }

    fn read_config_generation(&self) -> u32 {
        0
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        let mut value = T::new_zeroed();
        for (register, byte) in (CONFIGURATION.wrapping_add(offset as u16)..).zip(value.as_mut_bytes()) {
            *byte = self.ports.read(register);
        }
        Ok(value)
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> Result<()> {
        for (register, byte) in (CONFIGURATION.wrapping_add(offset as u16)..).zip(value.as_bytes()) {
            self.ports.write(register, *byte);
        }
        Ok(())
    }
}
