//! Registers of a device, over OSTD's checked I/O memory.

use ostd::io::IoMem;
use ostd::mm::{HasSize, VmIoOnce};
use virtio_serial::impl_registers;

/// Reads outside of the memory return 0, and writes are ignored.
pub struct DeviceMemory(pub IoMem);

impl_registers! {
    for DeviceMemory,
    size: |memory| memory.0.size(),
    read: |memory, offset| memory.0.read_once(offset).unwrap_or_default(),
    write: |memory, offset, value| _ = memory.0.write_once(offset, &value),
}
