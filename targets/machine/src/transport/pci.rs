//! virtio on PCI: virtio 1.2, section 4.1.

use heapless::Vec;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::field::field;
use crate::pci::{COMMON_SIZE, Structures};

// Offsets of the registers in the common configuration (4.1.4.3), in bytes.
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
const _: () = assert!(QUEUE_DEVICE + 8 == COMMON_SIZE as usize);

/// A virtio device on PCI.
#[derive(Debug)]
pub struct PciTransport {
    device_type: DeviceType,
    structures: Structures,
    /// Queues that were set up, and the offsets of their notification registers in bytes: to read an offset costs a virtual machine
    /// as much as a notification.
    notify_offsets: Vec<(u16, u64), MAX_QUEUES>,
}

/// More queues than a driver sets up. The offsets of others are read each time.
const MAX_QUEUES: usize = 8;

impl PciTransport {
    /// The device with these structures.
    ///
    /// # Safety
    /// The structures must be those that [`pci::enable`](crate::pci::enable) returned, mapped for ever at their physical
    /// addresses, and used by no one else.
    pub unsafe fn new(device_type: DeviceType, structures: Structures) -> Self {
        Self { device_type, structures, notify_offsets: Vec::new() }
    }

    fn read<T>(&self, register: usize) -> T {
        // SAFETY: `new` was promised that all registers that this file names are there, aligned for their sizes.
        unsafe { self.structures.common.at::<T>(register).read_volatile() }
    }

    fn write<T>(&mut self, register: usize, value: T) {
        // SAFETY: As above. Queues that the device is told of are its driver's concern.
        unsafe { self.structures.common.at::<T>(register).write_volatile(value) }
    }

    /// The offset of a queue's notification register. Selects the queue.
    fn notify_offset(&mut self, queue: u16) -> u64 {
        self.write(QUEUE_SELECT, queue);
        u64::from(self.read::<u16>(QUEUE_NOTIFY_OFF)) * u64::from(self.structures.notify_multiplier)
    }

    /// Writes a register of 64 bits, in halves (4.1.3.1).
    fn write_address(&mut self, register: usize, address: PhysAddr) {
        self.write(register, address as u32);
        self.write(register + 4, (address >> 32) as u32);
    }
}

impl Transport for PciTransport {
    fn device_type(&self) -> DeviceType {
        self.device_type
    }

    fn read_device_features(&mut self) -> u64 {
        let [low, high] = [0u32, 1].map(|half| {
            self.write(DEVICE_FEATURE_SELECT, half);
            u64::from(self.read::<u32>(DEVICE_FEATURE))
        });
        high << 32 | low
    }

    fn write_driver_features(&mut self, features: u64) {
        for (half, features) in [(0u32, features), (1, features >> 32)] {
            self.write(DRIVER_FEATURE_SELECT, half);
            self.write(DRIVER_FEATURE, features as u32);
        }
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.write(QUEUE_SELECT, queue);
        self.read::<u16>(QUEUE_SIZE).into()
    }

    fn notify(&mut self, queue: u16) {
        let known = self.notify_offsets.iter().find(|(known, _)| *known == queue).map(|(_, offset)| *offset);
        let offset = known.unwrap_or_else(|| self.notify_offset(queue));
        let notify = self.structures.notify;
        // A notification register outside of the structure is not written to.
        if offset + 2 <= notify.length.into() {
            // SAFETY: The two bytes lie in the window, and the multiplier is even.
            unsafe { notify.at::<u16>(offset as usize).write_volatile(queue) }
        }
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_truncate(self.read::<u8>(DEVICE_STATUS).into())
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.write(DEVICE_STATUS, status.bits() as u8);
    }

    fn set_guest_page_size(&mut self, _: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(&mut self, queue: u16, size: u32, descriptors: PhysAddr, driver: PhysAddr, device: PhysAddr) {
        let offset = self.notify_offset(queue);
        self.notify_offsets.retain(|(known, _)| *known != queue);
        _ = self.notify_offsets.push((queue, offset));
        self.write(QUEUE_SIZE, size as u16);
        self.write_address(QUEUE_DESC, descriptors);
        self.write_address(QUEUE_DRIVER, driver);
        self.write_address(QUEUE_DEVICE, device);
        self.write(QUEUE_ENABLE, 1u16);
    }

    /// Does nothing: only a reset of the device stops a queue (4.1.4.3.2).
    fn queue_unset(&mut self, _: u16) {}

    fn queue_used(&mut self, queue: u16) -> bool {
        self.write(QUEUE_SELECT, queue);
        self.read::<u16>(QUEUE_ENABLE) != 0
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        // SAFETY: The window has at least this byte. Reading it acknowledges the interrupt.
        let causes = unsafe { self.structures.isr.at::<u8>(0).read_volatile() };
        InterruptStatus::from_bits_retain(causes.into())
    }

    fn read_config_generation(&self) -> u32 {
        self.read::<u8>(CONFIG_GENERATION).into()
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        // SAFETY: `new` was promised that the window is there.
        Ok(unsafe { field::<T>(self.structures.device, offset)?.read_volatile() })
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> Result<()> {
        // SAFETY: As above.
        unsafe { field::<T>(self.structures.device, offset)?.write_volatile(value) };
        Ok(())
    }
}
