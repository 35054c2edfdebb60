//! PCI configuration space by the ports 0xcf8 and 0xcfc (PCI Local Bus 3.0, section 3.2.2.3.2).

use alloc::sync::Arc;

use ostd::arch::device::io_port::{ReadWriteAccess, WriteOnlyAccess};
use ostd::io::IoPort;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

/// The only user of the two ports.
pub struct ConfigurationSpace(Arc<(IoPort<u32, WriteOnlyAccess>, IoPort<u32, ReadWriteAccess>)>);

impl ConfigurationSpace {
    pub fn acquire() -> ostd::Result<Self> {
        // A PC's reset register lies within the first.
        Ok(Self(Arc::new((IoPort::acquire_overlapping(0xcf8)?, IoPort::acquire(0xcfc)?))))
    }

    /// Selects the register, and returns the port that it is read and written by.
    fn select(&self, at: DeviceFunction, register: u8) -> &IoPort<u32, ReadWriteAccess> {
        let [bus, device, function] = [at.bus, at.device, at.function].map(u32::from);
        self.0.0.write(1 << 31 | bus << 16 | device << 11 | function << 8 | u32::from(register & 0xfc));
        &self.0.1
    }
}

impl ConfigurationAccess for ConfigurationSpace {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        self.select(at, register).read()
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, word: u32) {
        self.select(at, register).write(word);
    }

    unsafe fn unsafe_clone(&self) -> Self {
        Self(self.0.clone())
    }
}
