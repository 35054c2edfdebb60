//! virtio over registers in memory: virtio 1.2, section 4.2. Also the legacy interface of 4.2.4, which is QEMU's default.

use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{PAGE_SIZE, PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::field::field;
use crate::memory::Window;

/// More descriptors than any driver here has a use for, in as few pages as a queue can have.
const LARGEST_LEGACY: u32 = 128;

const MAGIC: u32 = 0x7472_6976;

// Offsets of registers, in bytes.
const MAGIC_VALUE: usize = 0x00;
const VERSION: usize = 0x04;
const DEVICE_ID: usize = 0x08;
const DEVICE_FEATURES: usize = 0x10;
const DEVICE_FEATURES_SEL: usize = 0x14;
const DRIVER_FEATURES: usize = 0x20;
const DRIVER_FEATURES_SEL: usize = 0x24;
const LEGACY_GUEST_PAGE_SIZE: usize = 0x28;
const QUEUE_SEL: usize = 0x30;
const QUEUE_NUM_MAX: usize = 0x34;
const QUEUE_NUM: usize = 0x38;
const LEGACY_QUEUE_ALIGN: usize = 0x3c;
const LEGACY_QUEUE_PFN: usize = 0x40;
const QUEUE_READY: usize = 0x44;
const QUEUE_NOTIFY: usize = 0x50;
const INTERRUPT_STATUS: usize = 0x60;
const INTERRUPT_ACK: usize = 0x64;
const STATUS: usize = 0x70;
const QUEUE_DESC: usize = 0x80;
const QUEUE_DRIVER: usize = 0x90;
const QUEUE_DEVICE: usize = 0xa0;
const CONFIG_GENERATION: usize = 0xfc;
const CONFIG: usize = 0x100;

/// A virtio device with registers in memory.
#[derive(Debug)]
pub struct MmioTransport {
    registers: Window,
    /// The device's own configuration, after the registers.
    configuration: Window,
    device_type: DeviceType,
    legacy: bool,
}

impl MmioTransport {
    /// The device with these registers. `None` if there is none, or if they are too short or not aligned.
    ///
    /// # Safety
    /// The registers must be a virtio device's, or no device's but readable. They must be mapped for ever at their physical
    /// addresses, and used by no one else.
    pub unsafe fn new(registers: Window) -> Option<Self> {
        let configuration = Window {
            address: registers.address.checked_add(CONFIG as u64)?,
            length: registers.length.checked_sub(CONFIG as u32)?,
        };
        if !registers.at::<u32>(0).is_aligned() {
            return None;
        }
        let mut device = Self { registers, configuration, device_type: DeviceType::Console, legacy: false };
        if device.read(MAGIC_VALUE) != MAGIC {
            return None;
        }
        device.legacy = match device.read(VERSION) {
            1 => true,
            2 => false,
            _ => return None,
        };
        device.device_type = DeviceType::try_from(device.read(DEVICE_ID)).ok()?;
        Some(device)
    }

    fn read(&self, register: usize) -> u32 {
        // SAFETY: `new` was promised, and has checked, that every register that this file names is there.
        unsafe { self.registers.at::<u32>(register).read_volatile() }
    }

    fn write(&mut self, register: usize, value: u32) {
        // SAFETY: As above. Queues that the device is told of are its driver's concern.
        unsafe { self.registers.at::<u32>(register).write_volatile(value) }
    }

    fn write_address(&mut self, register: usize, address: PhysAddr) {
        self.write(register, address as u32);
        self.write(register + 4, (address >> 32) as u32);
    }

    /// The register that says whether a queue is in use.
    fn queue_in_use(&self) -> usize {
        if self.legacy { LEGACY_QUEUE_PFN } else { QUEUE_READY }
    }
}

impl Transport for MmioTransport {
    fn device_type(&self) -> DeviceType {
        self.device_type
    }

    fn read_device_features(&mut self) -> u64 {
        let [low, high] = [0, 1].map(|half| {
            self.write(DEVICE_FEATURES_SEL, half);
            u64::from(self.read(DEVICE_FEATURES))
        });
        high << 32 | low
    }

    fn write_driver_features(&mut self, features: u64) {
        for (half, features) in [(0, features), (1, features >> 32)] {
            self.write(DRIVER_FEATURES_SEL, half);
            self.write(DRIVER_FEATURES, features as u32);
        }
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.write(QUEUE_SEL, queue.into());
        let largest = self.read(QUEUE_NUM_MAX);
        // Drivers use all of a legacy device's queue, because on PCI they must.
        if self.legacy { largest.min(LARGEST_LEGACY) } else { largest }
    }

    fn notify(&mut self, queue: u16) {
        self.write(QUEUE_NOTIFY, queue.into());
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_truncate(self.read(STATUS))
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.write(STATUS, status.bits());
    }

    fn set_guest_page_size(&mut self, size: u32) {
        if self.legacy {
            self.write(LEGACY_GUEST_PAGE_SIZE, size);
        }
    }

    fn requires_legacy_layout(&self) -> bool {
        self.legacy
    }

    fn queue_set(&mut self, queue: u16, size: u32, descriptors: PhysAddr, driver: PhysAddr, device: PhysAddr) {
        self.write(QUEUE_SEL, queue.into());
        self.write(QUEUE_NUM, size);
        if self.legacy {
            // The other parts follow the descriptors at fixed distances.
            self.write(LEGACY_QUEUE_ALIGN, PAGE_SIZE as u32);
            self.write(LEGACY_QUEUE_PFN, (descriptors / PAGE_SIZE as PhysAddr) as u32);
        } else {
            self.write_address(QUEUE_DESC, descriptors);
            self.write_address(QUEUE_DRIVER, driver);
            self.write_address(QUEUE_DEVICE, device);
            self.write(QUEUE_READY, 1);
        }
    }

    fn queue_unset(&mut self, queue: u16) {
        self.write(QUEUE_SEL, queue.into());
        self.write(self.queue_in_use(), 0);
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.write(QUEUE_SEL, queue.into());
        self.read(self.queue_in_use()) != 0
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        let causes = self.read(INTERRUPT_STATUS);
        if causes != 0 {
            self.write(INTERRUPT_ACK, causes);
        }
        InterruptStatus::from_bits_retain(causes)
    }

    fn read_config_generation(&self) -> u32 {
        if self.legacy { 0 } else { self.read(CONFIG_GENERATION) }
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        // SAFETY: As for the other registers.
        Ok(unsafe { field::<T>(self.configuration, offset)?.read_volatile() })
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> Result<()> {
        // SAFETY: As for the other registers.
        unsafe { field::<T>(self.configuration, offset)?.write_volatile(value) };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
