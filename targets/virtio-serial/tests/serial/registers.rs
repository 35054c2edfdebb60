//! The device's registers: over MMIO (virtio 1.2, section 4.2), and in structures on PCI (section 4.1). Not the legacy ones, whose
//! page numbers are too small for the addresses of a test.

use std::cell::RefCell;
use std::rc::Rc;

use virtio_drivers::transport::DeviceType;
use virtio_serial::transport::{MmioTransport, PciStructures, PciTransport, Registers};

use crate::bench::Host;

/// Bytes between the places where queues are notified on PCI.
const NOTIFY_MULTIPLIER: u32 = 4;

/// A window of the device's registers.
#[derive(Clone)]
pub struct Window {
    host: Host,
    part: Part,
    size: usize,
    latched: Rc<RefCell<Latched>>,
}

#[derive(Clone, Copy, Debug)]
pub enum Part {
    Mmio,
    Common,
    Notify,
    Isr,
    Configuration,
}

use Part::{Common, Configuration, Isr, Mmio, Notify};

/// What the driver wrote for a later access.
#[derive(Default)]
struct Latched {
    device_half: u32,
    driver_half: u32,
    queue: u16,
    size: u32,
    addresses: [u64; 3],
}

/// All registers of the device over MMIO.
pub fn mmio(host: &Host) -> Window {
    window(host, Mmio)
}

/// One structure of the device on PCI, apart from the others.
pub fn window(host: &Host, part: Part) -> Window {
    let size = match part {
        Mmio => 0x100 + 12,
        Common => 56,
        Notify => 1024 * NOTIFY_MULTIPLIER as usize,
        Isr => 1,
        Configuration => 12,
    };
    Window { host: host.clone(), part, size, latched: Rc::default() }
}

pub fn structures(host: &Host) -> PciStructures<Window> {
    let [common, notify, isr, device] = [Common, Notify, Isr, Configuration].map(|part| window(host, part));
    PciStructures { common, notify, notify_multiplier: NOTIFY_MULTIPLIER, isr, device }
}

pub fn mmio_transport(host: &Host) -> MmioTransport<Window> {
    MmioTransport::new(mmio(host)).unwrap()
}

pub fn pci_transport(host: &Host) -> PciTransport<Window> {
    PciTransport::new(DeviceType::Console, structures(host)).unwrap()
}

impl Window {
    pub fn of_size(self, size: usize) -> Self {
        Self { size, ..self }
    }

    fn check(&self, offset: usize, width: usize) {
        assert!(offset.is_multiple_of(width) && offset + width <= self.size, "{width} bytes at {offset:#x}");
    }

    fn read(&self, offset: usize, width: usize) -> u32 {
        self.check(offset, width);
        let mut device = self.host.device();
        let latched = self.latched.borrow();
        let in_use = u32::from(device.queues.contains_key(&latched.queue));
        match (self.part, offset, width) {
            (Mmio, 0x00, 4) => u32::from_le_bytes(*b"virt"),
            (Mmio, 0x04, 4) => 2,
            (Mmio, 0x08, 4) => device.device_type.into(),
            (Mmio, 0x10, 4) | (Common, 4, 4) => (device.offered >> (32 * latched.device_half)) as u32,
            (Mmio, 0x34, 4) | (Common, 24, 2) => device.max_queue_size(latched.queue),
            (Mmio, 0x44, 4) | (Common, 28, 2) => in_use,
            (Common, 30, 2) => latched.queue.into(),
            (Mmio, 0x60, 4) => device.interrupt_status(),
            (Isr, 0, 1) => device.acknowledge_interrupt(),
            (Mmio, 0x70, 4) | (Common, 20, 1) => device.status,
            (Mmio, 0x104, 4) | (Configuration, 4, 4) => device.max_ports,
            (part, ..) => panic!("{width} bytes were read at {offset:#x} of {part:?}"),
        }
    }

    fn write(&self, offset: usize, width: usize, value: u32) {
        self.check(offset, width);
        let mut device = self.host.device();
        let mut latched = self.latched.borrow_mut();
        match (self.part, offset, width) {
            (Mmio, 0x14, 4) | (Common, 0, 4) => latched.device_half = value,
            (Mmio, 0x24, 4) | (Common, 8, 4) => latched.driver_half = value,
            (Mmio, 0x20, 4) | (Common, 12, 4) => {
                let shift = 32 * latched.driver_half;
                device.accepted = device.accepted & !(0xFFFF_FFFF << shift) | u64::from(value) << shift;
            }
            (Mmio, 0x30, 4) | (Common, 22, 2) => latched.queue = value as u16,
            (Mmio, 0x38, 4) | (Common, 24, 2) => latched.size = value,
            (Mmio, 0x80..0xb0, 4) => latched.address(offset / 0x10 - 8, offset % 0x10, value),
            (Common, 32..56, 4) => latched.address(offset / 8 - 4, offset % 8, value),
            (Mmio, 0x44, 4) | (Common, 28, 2) => {
                assert_eq!(value, 1);
                let [descriptors, available, used] = latched.addresses;
                device.set_queue(latched.queue, latched.size, descriptors, available, used);
            }
            (Mmio, 0x50, 4) => device.notify(value as u16),
            (Notify, _, 2) => {
                assert_eq!(offset as u32, NOTIFY_MULTIPLIER * value, "the queue's own place");
                device.notify(value as u16);
            }
            (Mmio, 0x64, 4) => device.interrupt &= !value,
            (Mmio, 0x70, 4) | (Common, 20, 1) => device.set_status(value),
            (part, ..) => panic!("{width} bytes were written at {offset:#x} of {part:?}"),
        }
    }
}

impl Latched {
    fn address(&mut self, index: usize, byte: usize, half: u32) {
        let address = &mut self.addresses[index];
        match byte {
            0 => *address = *address >> 32 << 32 | u64::from(half),
            4 => *address = u64::from(half) << 32 | *address & 0xFFFF_FFFF,
            _ => panic!("addresses are written in two halves"),
        }
    }
}

impl Registers for Window {
    fn size(&self) -> usize {
        self.size
    }

    fn read_u8(&self, offset: usize) -> u8 {
        self.read(offset, 1) as u8
    }

    fn read_u16(&self, offset: usize) -> u16 {
        self.read(offset, 2) as u16
    }

    fn read_u32(&self, offset: usize) -> u32 {
        self.read(offset, 4)
    }

    fn write_u8(&self, offset: usize, value: u8) {
        self.write(offset, 1, value.into());
    }

    fn write_u16(&self, offset: usize, value: u16) {
        self.write(offset, 2, value.into());
    }

    fn write_u32(&self, offset: usize, value: u32) {
        self.write(offset, 4, value);
    }
}
