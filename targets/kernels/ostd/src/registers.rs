//! Registers of a device, over OSTD's checked I/O memory.

use ostd::io::IoMem;
use ostd::mm::{HasSize, PodOnce, VmIoOnce};
use virtio_serial::transport::Registers;

pub struct DeviceMemory(pub IoMem);

impl DeviceMemory {
    /// Returns 0 for what lies outside of the memory.
    fn read<T: PodOnce + Default>(&self, offset: usize) -> T {
        self.0.read_once(offset).unwrap_or_default()
    }

    /// Ignores what lies outside of the memory.
    fn write<T: PodOnce>(&self, offset: usize, value: T) {
        let _ = self.0.write_once(offset, &value);
    }
}

impl Registers for DeviceMemory {
    fn size(&self) -> usize {
        self.0.size()
    }

    fn read_u8(&self, offset: usize) -> u8 {
        self.read(offset)
    }

    fn read_u16(&self, offset: usize) -> u16 {
        self.read(offset)
    }

    fn read_u32(&self, offset: usize) -> u32 {
        self.read(offset)
    }

    fn write_u8(&self, offset: usize, value: u8) {
        self.write(offset, value);
    }

    fn write_u16(&self, offset: usize, value: u16) {
        self.write(offset, value);
    }

    fn write_u32(&self, offset: usize, value: u32) {
        self.write(offset, value);
    }
}
