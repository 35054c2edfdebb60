//! virtio over MMIO: virtio 1.2, section 4.2, with the legacy interface of section 4.2.4.

use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{PAGE_SIZE, PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::configuration;
use super::error::TransportError;
use super::registers::Registers;

const MAGIC: u32 = u32::from_le_bytes(*b"virt");

// Offsets of registers in bytes.
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
pub(crate) const INTERRUPT_STATUS: usize = 0x60;
pub(crate) const INTERRUPT_ACK: usize = 0x64;
const STATUS: usize = 0x70;
const QUEUE_DESC: usize = 0x80;
const QUEUE_DRIVER: usize = 0x90;
const QUEUE_DEVICE: usize = 0xa0;
const CONFIG_GENERATION: usize = 0xfc;
const CONFIG: usize = 0x100;

/// A virtio device over MMIO, both modern and legacy.
#[derive(Debug)]
pub struct MmioTransport<R> {
    registers: R,
    device_type: DeviceType,
    legacy: bool,
}

impl<R: Registers> MmioTransport<R> {
    /// The device with these registers, which include its configuration.
    ///
    /// # Errors
    /// There is no virtio device, or one that is not known.
    pub fn new(registers: R) -> core::result::Result<Self, TransportError> {
        if registers.size() < CONFIG {
            return Err(TransportError::WindowTooSmall);
        }
        if registers.read_u32(MAGIC_VALUE) != MAGIC {
            return Err(TransportError::NotVirtio);
        }
        let legacy = match registers.read_u32(VERSION) {
            1 => true,
            2 => false,
            version => return Err(TransportError::UnknownVersion(version)),
        };
        let device_type = registers.read_u32(DEVICE_ID);
        let device_type = DeviceType::try_from(device_type).map_err(|_| TransportError::UnknownType(device_type))?;
        Ok(Self { registers, device_type, legacy })
    }

    fn write_address(&self, register: usize, address: PhysAddr) {
        self.registers.write_u32(register, address as u32);
        self.registers.write_u32(register + 4, (address >> 32) as u32);
    }

    /// The register that is not 0 while the selected queue is in use.
    fn queue_in_use(&self) -> usize {
        if self.legacy { LEGACY_QUEUE_PFN } else { QUEUE_READY }
    }
}

impl<R: Registers> Transport for MmioTransport<R> {
    fn device_type(&self) -> DeviceType {
        self.device_type
    }

    fn read_device_features(&mut self) -> u64 {
        let [low, high] = [0, 1].map(|half| {
            self.registers.write_u32(DEVICE_FEATURES_SEL, half);
            u64::from(self.registers.read_u32(DEVICE_FEATURES))
        });
        high << 32 | low
    }

    fn write_driver_features(&mut self, features: u64) {
        for (half, features) in [(0, features), (1, features >> 32)] {
            self.registers.write_u32(DRIVER_FEATURES_SEL, half);
            self.registers.write_u32(DRIVER_FEATURES, features as u32);
        }
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.registers.write_u32(QUEUE_SEL, queue.into());
        self.registers.read_u32(QUEUE_NUM_MAX)
    }

    fn notify(&mut self, queue: u16) {
        self.registers.write_u32(QUEUE_NOTIFY, queue.into());
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_truncate(self.registers.read_u32(STATUS))
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.registers.write_u32(STATUS, status.bits());
    }

    fn set_guest_page_size(&mut self, size: u32) {
        if self.legacy {
            self.registers.write_u32(LEGACY_GUEST_PAGE_SIZE, size);
        }
    }

    fn requires_legacy_layout(&self) -> bool {
        self.legacy
    }

    fn queue_set(&mut self, queue: u16, size: u32, descriptors: PhysAddr, driver: PhysAddr, device: PhysAddr) {
        self.registers.write_u32(QUEUE_SEL, queue.into());
        self.registers.write_u32(QUEUE_NUM, size);
        if self.legacy {
            // The other parts follow the descriptors at fixed offsets. A page that the register cannot hold becomes 0, which leaves
            // the queue disabled.
            let page = u32::try_from(descriptors / PAGE_SIZE as PhysAddr).unwrap_or(0);
            self.registers.write_u32(LEGACY_QUEUE_ALIGN, PAGE_SIZE as u32);
            self.registers.write_u32(LEGACY_QUEUE_PFN, page);
        } else {
            self.write_address(QUEUE_DESC, descriptors);
            self.write_address(QUEUE_DRIVER, driver);
            self.write_address(QUEUE_DEVICE, device);
            self.registers.write_u32(QUEUE_READY, 1);
        }
    }

    fn queue_unset(&mut self, queue: u16) {
        self.registers.write_u32(QUEUE_SEL, queue.into());
        self.registers.write_u32(self.queue_in_use(), 0);
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.registers.write_u32(QUEUE_SEL, queue.into());
        self.registers.read_u32(self.queue_in_use()) != 0
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        let causes = self.registers.read_u32(INTERRUPT_STATUS);
        if causes != 0 {
            self.registers.write_u32(INTERRUPT_ACK, causes);
        }
        InterruptStatus::from_bits_retain(causes)
    }

    fn read_config_generation(&self) -> u32 {
        if self.legacy { 0 } else { self.registers.read_u32(CONFIG_GENERATION) }
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        configuration::read(&self.registers, CONFIG, offset)
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> Result<()> {
        configuration::write(&self.registers, CONFIG, offset, value)
    }
}
