//! Reads the nodes of PCI host bridges: configuration space, the addresses that devices can be given, and the routes of their
//! interrupts (Devicetree Specification 0.4, 2.3.8 and 2.4.3; IEEE 1275, PCI bus binding).

use core::num::NonZero;

use super::{Node, Tree, cells, number};
use crate::pci::{Ecam, MappedEcam, Range, is_low};

/// The table by which a PCI host bridge routes interrupts: `interrupt-map`.
#[derive(Clone, Copy, Debug)]
pub struct InterruptMap<'t> {
    map: &'t [u8],
    mask: [u32; 4],
    controller: u32,
    /// Bytes of an entry before the cells that describe the interrupt, and bytes of a whole entry.
    before: usize,
    entry: NonZero<usize>,
}

impl<'t> InterruptMap<'t> {
    /// The map of a bridge. `None` if it has none, or if the tree has no controller for its first entry.
    ///
    /// The map ends before the first entry for another controller, because the length of an entry depends on its controller,
    /// and looking up a controller for each entry would mean a walk over the whole tree for each.
    pub fn of(bridge: &Node<'t>, tree: &Tree<'t>) -> Option<Self> {
        let mut mask = [0; 4];
        let given = cells(bridge.property("interrupt-map-mask")?);
        mask.iter_mut().zip(given).for_each(|(mask, given)| *mask = given);
        let map = bridge.property("interrupt-map")?;
        let controller = cells(map).nth(4)?;
        let node = tree.by_phandle(controller)?;
        // An entry has the device's address in three cells, its pin, the controller, an address at the controller, and the
        // cells that describe the interrupt.
        let size = |name| node.cell(name).map(|cells| 4 * cells.min(8) as usize);
        let before = 20 + size("#address-cells").unwrap_or(0);
        let entry = NonZero::new(before + size("#interrupt-cells")?)?;
        Some(Self { map, mask, controller, before, entry })
    }

    /// The interrupt of a device on the first bus by one of its pins, 1 to 4: the cells that describe it, in the form of its
    /// controller. `None` if the map has no entry for it.
    pub fn route(&self, device: u8, pin: u8) -> Option<&'t [u8]> {
        let wanted = [u32::from(device) << 11, 0, 0, u32::from(pin)];
        let mut entries =
            self.map.chunks_exact(self.entry.get()).take_while(|entry| cells(entry).nth(4) == Some(self.controller));
        let entry = entries.find(|entry| {
            let differ = |((given, wanted), mask): ((u32, u32), u32)| (given ^ wanted) & mask != 0;
            !cells(entry).zip(wanted).zip(self.mask).any(differ)
        });
        entry?.get(self.before..)
    }
}

/// The configuration space of a bridge that is compatible with "pci-host-ecam-generic". `None` if it has not even one bus, or
/// is not aligned to a bus. The address of its end has at most 64 bits.
pub fn pci_ecam(bridge: &Node<'_>) -> Option<Ecam> {
    let (address, size) = bridge.registers(0)?;
    let last_bus = bridge.property("bus-range").and_then(|range| cells(range).nth(1)).unwrap_or(255);
    let buses = (size / MappedEcam::BUS_SIZE).min(u64::from(last_bus) + 1);
    let last_bus = u8::try_from(buses.checked_sub(1)?).ok()?;
    address.is_multiple_of(MappedEcam::BUS_SIZE).then_some(Ecam { address, last_bus })
}

/// The ranges of a bridge from which devices can be given addresses: I/O ports, and memory. Both lie below 4 GiB on the bus,
/// because devices are given addresses of 32 bits.
pub fn pci_ranges(bridge: &Node<'_>) -> [Option<Range>; 2] {
    let mut given = cells(bridge.property("ranges").unwrap_or_default());
    let mut found = [None; 2];
    // A range has its address on the bus in three cells, of which the first gives its kind, the CPU's address in two, and its
    // size in two.
    while let Some(kind) = given.next() {
        let mut two = || number(&mut given, 2);
        let (Some(on_bus), Some(address), Some(size)) = (two(), two(), two()) else { break };
        let whole =
            on_bus.checked_add(size).is_some_and(|end| is_low(&(on_bus..end))) && address.checked_add(size).is_some();
        let place = match kind >> 24 & 3 {
            1 => &mut found[0],
            2 => &mut found[1],
            _ => continue,
        };
        *place = Some(Range { on_bus, address, size }).filter(|_| whole);
    }
    found
}
