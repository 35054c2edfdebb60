//! The agent's port at the first virtio console on PCI, by registers that OSTD checks accesses to.

use ostd::io::IoMem;
use virtio_serial::pci::{self, OpenError};
use virtio_serial::transport::PciTransport;
use virtio_serial::{OffsetHal, VirtioSerial};

use crate::configuration_space::ConfigurationSpace;
use crate::dma;
use crate::registers::DeviceMemory;

pub type Port = VirtioSerial<OffsetHal, PciTransport<DeviceMemory>>;

/// Starts the driver of the port. An error is the reason why there is none.
pub fn open() -> Result<Port, &'static str> {
    dma::give_pages().map_err(|_| "no memory for the driver")?;
    let mut space = ConfigurationSpace::acquire().map_err(|_| "somebody else has PCI's configuration space")?;
    let port = pci::open(&mut space, "org.qemu.guest_agent.0", |addresses| {
        let (start, end) = (usize::try_from(addresses.start).ok()?, usize::try_from(addresses.end).ok()?);
        IoMem::acquire(start..end).ok().map(DeviceMemory)
    });
    port.map(|port| port.driver).map_err(OpenError::reason)
}
