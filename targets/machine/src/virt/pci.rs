//! PCI behind the host bridge that the device tree names. Whether firmware has been there makes no difference.

use core::ops;

use crate::arch::{self, Interrupts};
use crate::device_tree::{InterruptMap, Node, Tree, pci_ecam, pci_ranges};
use crate::log;
use crate::log::Value;
use crate::pci::{self, MappedEcam, Range, Resources};

/// The machine's configuration space, in which every device has what it needs, and the I/O ports that devices were given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pci {
    pub(super) space: MappedEcam,
    pub(super) io: Option<Range>,
}

/// Finds the machine's configuration space, and assigns every device what it needs.
pub(super) fn start(tree: &Tree<'_>) -> Option<Pci> {
    let bridge = tree.compatible("pci-host-ecam-generic").next()?;
    let ecam = pci_ecam(&bridge)?;
    let size = (u64::from(ecam.last_bus) + 1) * MappedEcam::BUS_SIZE;
    if ecam.address.saturating_add(size) > arch::MAPPED {
        log!("PCI is not used: its configuration space, at {}, lies out of reach", Value::Hex(ecam.address));
        return None;
    }
    // SAFETY: The tree says that it is there, and what is not RAM is mapped as devices.
    let mut space = unsafe { MappedEcam::new(ecam) };

    let [io, memory] = pci_ranges(&bridge);
    let map = InterruptMap::of(&bridge, tree);
    let route = |device, pin| Interrupts::number(map?.route(device, pin)?)?.try_into().ok();
    pci::assign(&mut space, &mut Resources { io, memory, last_bus: ecam.last_bus, route });
    Some(Pci { space, io })
}

/// The addresses from which devices are given theirs.
pub(super) fn memory(tree: &Tree<'_>) -> Option<ops::Range<u64>> {
    let [_, memory] = pci_ranges(&bridge(tree)?);
    memory.map(|Range { on_bus, size, .. }| on_bus..on_bus + size)
}

/// The numbers of all interrupts of PCI devices.
pub(super) fn interrupts<'t>(tree: &'t Tree<'t>) -> impl Iterator<Item = u32> {
    let map = bridge(tree).and_then(|bridge| InterruptMap::of(&bridge, tree));
    (0..4).filter_map(move |device| Interrupts::number(map.as_ref()?.route(device, 1)?))
}

fn bridge<'t>(tree: &'t Tree<'t>) -> Option<Node<'t>> {
    tree.compatible("pci-host-ecam-generic").next()
}
