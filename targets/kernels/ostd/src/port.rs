//! The agent's port at the first virtio console on PCI, by ports and registers that OSTD checks accesses to.

use ostd::arch::device::io_port::{ReadWriteAccess, WriteOnlyAccess};
use ostd::io::{IoMem, IoPort};
use ostd::mm::{HasSize, VmIoOnce};
use virtio_serial::pci::{self, OpenError, PortAccess};
use virtio_serial::transport::PciTransport;
use virtio_serial::{OffsetHal, VirtioSerial, impl_registers};

use crate::dma;

pub type Port = VirtioSerial<OffsetHal, PciTransport<DeviceMemory>>;

/// A device's registers. Reads outside of the memory return 0, and writes are ignored.
pub struct DeviceMemory(IoMem);

impl_registers! {
    for DeviceMemory,
    size: |memory| memory.0.size(),
    read: |memory, offset| memory.0.read_once(offset).unwrap_or_default(),
    write: |memory, offset, value| _ = memory.0.write_once(offset, &value),
}

/// Starts the driver of the port. An error is the reason why there is none.
pub fn open() -> Result<Port, &'static str> {
    dma::give_pages().map_err(|_| "no memory for the driver")?;
    // A PC's reset register lies within the first.
    let address = IoPort::<u32, WriteOnlyAccess>::acquire_overlapping(0xcf8);
    let data = IoPort::<u32, ReadWriteAccess>::acquire(0xcfc);
    let (Ok(address), Ok(data)) = (&address, &data) else { return Err("somebody else has PCI's configuration space") };
    let mut space = PortAccess::new(|word| address.write(word), || data.read(), |word| data.write(word));
    let port = pci::open(&mut space, "org.qemu.guest_agent.0", |addresses| {
        let (start, end) = (usize::try_from(addresses.start).ok()?, usize::try_from(addresses.end).ok()?);
        IoMem::acquire(start..end).ok().map(DeviceMemory)
    });
    port.map(|port| port.driver).map_err(OpenError::reason)
}
