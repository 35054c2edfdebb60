//! PCI behind the host bridge that the device tree names. Whether firmware has been there makes no difference.

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use crate::arch::Interrupts;
use crate::device_tree::{InterruptMap, Tree, pci_ecam, pci_ranges};
use crate::pci::{self, MappedEcam, Resources};

/// Class, subclass and programming interface of a 16550.
const SERIAL_16550: u32 = 0x07_00_02;
const COMMAND_IO: u32 = 1 << 0;
const SERIAL_REGISTERS: u64 = 8;

/// A serial port on PCI.
#[derive(Clone, Copy, Debug)]
pub(super) struct PciSerial {
    /// Where its registers are.
    pub(super) address: u64,
    /// Its interrupt, 0 for none.
    pub(super) interrupt: u32,
}

/// The machine's configuration space, with every device assigned what it needs, and the first 16550 on PCI, switched on.
pub(super) fn start(tree: &Tree<'_>) -> Option<(MappedEcam, Option<PciSerial>)> {
    let bridge = tree.compatible("pci-host-ecam-generic").next()?;
    let ecam = pci_ecam(&bridge)?;
    // SAFETY: The tree says that it is there, and what is not RAM is mapped as devices.
    let mut space = unsafe { MappedEcam::new(ecam) };

    let [io, memory] = pci_ranges(&bridge);
    let map = InterruptMap::of(&bridge, tree);
    let route = |device, pin| Interrupts::number(map?.route(device, pin)?)?.try_into().ok();
    pci::assign(&mut space, &mut Resources { io, memory, last_bus: ecam.last_bus, route });

    let mut serial = None;
    pci::scan(&space, |at, _| {
        if serial.is_none() && space.read_word(at, 8) >> 8 == SERIAL_16550 {
            serial = io.and_then(|io| switch_on(&mut { space }, at, &io));
        }
    });
    Some((space, serial))
}

fn switch_on(space: &mut MappedEcam, at: DeviceFunction, io: &pci::Range) -> Option<PciSerial> {
    let port = space.read_word(at, 0x10);
    // Neither a register in memory nor one that was given no address.
    let port = Some(u64::from(port & !3)).filter(|&address| port & 1 != 0 && address != 0)?;
    let address = io.find(port, SERIAL_REGISTERS)?;
    space.write_word(at, 4, COMMAND_IO);
    Some(PciSerial { address, interrupt: space.read_word(at, 0x3c) & 0xff })
}
