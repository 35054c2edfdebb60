//! The agent's port: the first virtio console on PCI, by registers that OSTD checks accesses to.

use ostd::io::IoMem;
use virtio_drivers::transport::DeviceType;
use virtio_serial::pci;
use virtio_serial::transport::PciTransport;

use crate::configuration_space::ConfigurationSpace;
use crate::dma;
use crate::registers::DeviceMemory;

pub fn find() -> Option<PciTransport<DeviceMemory>> {
    let mut space = ConfigurationSpace::acquire().ok()?;
    let at = pci::consoles(&space).next()?;
    dma::give_pages().ok()?;
    let device = pci::enable(&mut space, at).ok()?;
    let structures = device.structures.try_map(|addresses| {
        let (start, end) = (usize::try_from(addresses.start).ok()?, usize::try_from(addresses.end).ok()?);
        IoMem::acquire(start..end).ok().map(DeviceMemory)
    })?;
    PciTransport::new(DeviceType::Console, structures).ok()
}
