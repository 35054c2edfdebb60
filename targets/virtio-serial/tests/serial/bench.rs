//! A driver and a device on one bench.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{Error, PhysAddr, Result};
use virtio_serial::{Event, VirtioSerial};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::device::{AGENT, Device, receive_queue};
use crate::memory::TestHal;

pub type Serial = VirtioSerial<TestHal, Wire>;

/// The device as the host and the test see it.
#[derive(Clone)]
pub struct Host(Rc<RefCell<Device>>);

/// The device as the driver sees it.
pub struct Wire(Rc<RefCell<Device>>);

impl Host {
    pub fn new(device: Device) -> Self {
        Self(Rc::new(RefCell::new(device)))
    }

    pub fn wire(&self) -> Wire {
        Wire(self.0.clone())
    }

    pub fn start(&self) -> std::result::Result<Serial, virtio_serial::Error> {
        Serial::new(self.wire(), AGENT)
    }

    /// Also for a device with a single port.
    pub fn start_single(&self) -> std::result::Result<Serial, virtio_serial::Error> {
        Serial::with_single_port(self.wire(), AGENT, 4096)
    }

    pub fn device(&self) -> RefMut<'_, Device> {
        self.0.borrow_mut()
    }

    /// Does what a main loop does: polls while the device interrupts, and gives the events.
    pub fn settle<T: Transport>(&self, serial: &mut VirtioSerial<TestHal, T>) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..10_000 {
            while let Some(event) = serial.poll() {
                events.push(event);
            }
            if self.device().interrupt == 0 {
                return events;
            }
        }
        panic!("the device and the driver never come to rest");
    }
}

/// A device whose agent port is `port`, with a driver that has found it and a host that is connected.
pub fn connected(device: Device, port: u32) -> (Host, Serial) {
    let host = Host::new(device.with_port(port, AGENT));
    let mut serial = host.start().unwrap();
    assert_eq!(host.settle(&mut serial), [Event::Found]);
    host.device().connect(port);
    assert_eq!(host.settle(&mut serial), [Event::Opened]);
    assert!(host.device().queues.contains_key(&receive_queue(port)));
    (host, serial)
}

impl Transport for Wire {
    fn device_type(&self) -> DeviceType {
        DeviceType::try_from(self.0.borrow().device_type).expect("the tests use types that exist")
    }

    fn read_device_features(&mut self) -> u64 {
        let device = self.0.borrow();
        let acknowledged = crate::device::ACKNOWLEDGE | crate::device::DRIVER;
        assert_eq!(device.status & acknowledged, acknowledged, "the order of initialisation (3.1.1)");
        device.offered
    }

    fn write_driver_features(&mut self, driver_features: u64) {
        self.0.borrow_mut().accepted = driver_features;
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.0.borrow().max_queue_size(queue)
    }

    fn notify(&mut self, queue: u16) {
        self.0.borrow_mut().notify(queue);
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_retain(self.0.borrow().status)
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.0.borrow_mut().set_status(status.bits());
    }

    fn set_guest_page_size(&mut self, guest_page_size: u32) {
        assert_eq!(guest_page_size, 4096);
    }

    fn requires_legacy_layout(&self) -> bool {
        self.0.borrow().legacy
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        self.0.borrow_mut().set_queue(queue, size, descriptors, driver_area, device_area);
    }

    fn queue_unset(&mut self, _queue: u16) {
        panic!("a queue cannot be unset on every transport");
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.0.borrow().queues.contains_key(&queue)
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::from_bits_retain(self.0.borrow_mut().acknowledge_interrupt())
    }

    fn read_config_generation(&self) -> u32 {
        0
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        let device = self.0.borrow();
        // rows, cols, max_nr_ports, emerg_wr (5.3.4)
        let space = [&[0; 4][..], &device.max_ports.to_le_bytes(), &[0; 4]].concat();
        let field = space.get(offset..offset + size_of::<T>()).ok_or(Error::ConfigSpaceTooSmall)?;
        Ok(T::read_from_bytes(field).expect("the size is right"))
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, _offset: usize, _value: T) -> Result<()> {
        panic!("the driver has nothing to configure");
    }
}
