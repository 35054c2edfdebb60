//! A driver and a device, joined.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use embedded_io::{Read, ReadReady};
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{Error, PhysAddr, Result};
use virtio_serial::vsock::{Peers, Vsock};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::device::Device;
use crate::memory::TestHal;

pub type Driver<'m> = Vsock<'m, TestHal, Wire>;

/// The port that the driver takes connections to.
pub const PORT: u32 = 1234;
/// The size of a connection's window.
pub const WINDOW: usize = 1000;

/// The device as the host and the test see it.
#[derive(Clone)]
pub struct Host(Rc<RefCell<Device>>);

/// The device as the driver sees it.
pub struct Wire(Rc<RefCell<Device>>);

impl Host {
    pub fn new(device: Device) -> Self {
        Self(Rc::new(RefCell::new(device)))
    }

    pub fn device(&self) -> RefMut<'_, Device> {
        self.0.borrow_mut()
    }

    pub fn start(&self, peers: Peers) -> std::result::Result<Driver<'static>, virtio_serial::Error> {
        // Tests are few, so what they leak is little.
        self.start_in(Vec::leak(vec![0; 4 * WINDOW + 3]), peers)
    }

    pub fn start_in<'m>(
        &self,
        memory: &'m mut [u8],
        peers: Peers,
    ) -> std::result::Result<Driver<'m>, virtio_serial::Error> {
        Vsock::new(Wire(self.0.clone()), PORT, peers, memory)
    }
}

/// A device with a driver that takes connections of the host.
pub fn started() -> (Host, Driver<'static>) {
    let host = Host::new(Device::new());
    let driver = host.start(Peers::Host).unwrap();
    (host, driver)
}

/// Polls as a main loop does, until the driver has nothing to do.
pub fn settle(driver: &mut Driver<'_>) {
    driver.acknowledge_interrupt();
    for _ in 0..10_000 {
        if !driver.poll() {
            return;
        }
    }
    panic!("the driver never comes to rest");
}

/// Reads what is there.
pub fn read(driver: &mut Driver<'_>, place: usize) -> Vec<u8> {
    let mut bytes = vec![0; 5000];
    let mut stream = driver.stream(place).unwrap();
    if !stream.read_ready().unwrap() {
        return Vec::new();
    }
    let count = stream.read(&mut bytes).unwrap();
    bytes.truncate(count);
    bytes
}

impl Transport for Wire {
    fn device_type(&self) -> DeviceType {
        DeviceType::try_from(self.0.borrow().device_type).unwrap()
    }

    fn read_device_features(&mut self) -> u64 {
        self.0.borrow().offered
    }

    fn write_driver_features(&mut self, features: u64) {
        self.0.borrow_mut().accepted = features;
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        if queue < 3 { self.0.borrow().queue_size } else { 0 }
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

    fn set_guest_page_size(&mut self, size: u32) {
        assert_eq!(size, 4096);
    }

    fn requires_legacy_layout(&self) -> bool {
        self.0.borrow().legacy
    }

    fn queue_set(&mut self, queue: u16, size: u32, descriptors: PhysAddr, available: PhysAddr, used: PhysAddr) {
        self.0.borrow_mut().set_queue(queue, size, descriptors, available, used);
    }

    fn queue_unset(&mut self, _: u16) {
        panic!("a queue cannot be unset on every transport");
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.0.borrow().queues.contains_key(&queue)
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::from_bits_retain(std::mem::take(&mut self.0.borrow_mut().interrupt))
    }

    fn read_config_generation(&self) -> u32 {
        0
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        let space = self.0.borrow().cid.to_le_bytes();
        let field = space.get(offset..offset + size_of::<T>()).ok_or(Error::ConfigSpaceTooSmall)?;
        Ok(T::read_from_bytes(field).expect("the size is right"))
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, _: usize, _: T) -> Result<()> {
        panic!("the driver has nothing to configure");
    }
}
