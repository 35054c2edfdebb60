//! PCI host bridges: which addresses their devices can have, and where their interrupts arrive (Devicetree Specification
//! 0.4, 2.3.8 and 2.4.3; IEEE 1275, PCI bus binding).

use core::num::NonZero;

use super::{Node, Tree, cells, number};
use crate::pci::{Ecam, MappedEcam, Range, is_low};

/// A PCI host bridge's map of interrupts.
#[derive(Clone, Copy, Debug)]
pub struct InterruptMap<'t> {
    map: &'t [u8],
    mask: [u32; 4],
    controller: u32,
    /// How many bytes of an entry come before what tells the controller the interrupt, and how many it has in all.
    before: usize,
    entry: NonZero<usize>,
}

impl<'t> InterruptMap<'t> {
    /// The map of a bridge; `None` if it has none, or if its interrupts arrive nowhere in the tree.
    ///
    /// All of them must arrive at the controller of the map's first entry: only a controller's node says how long its
    /// entries are, and to look up one for each entry would cost a walk through the tree for each.
    pub fn of(bridge: &Node<'t>, tree: &Tree<'t>) -> Option<Self> {
        let mut mask = [0; 4];
        let given = cells(bridge.property("interrupt-map-mask")?);
        mask.iter_mut().zip(given).for_each(|(mask, given)| *mask = given);
        let map = bridge.property("interrupt-map")?;
        let controller = cells(map).nth(4)?;
        let node = tree.by_phandle(controller)?;
        // An entry is an address of three cells, the pin, the controller, an address there, and what tells it the interrupt.
        let size = |name| node.cell(name).map(|cells| 4 * cells.min(8) as usize);
        let before = 20 + size("#address-cells").unwrap_or(0);
        let entry = NonZero::new(before + size("#interrupt-cells")?)?;
        Some(Self { map, mask, controller, before, entry })
    }

    /// The cells that describe to its controller the interrupt of a device on the bridge's own bus, by one of its four
    /// pins, counted from 1.
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

/// Where the configuration space of a PCI host bridge lies, as "pci-host-ecam-generic" has it. It begins at a multiple of a
/// bus's bytes, and its end does not overflow.
pub fn pci_ecam(bridge: &Node<'_>) -> Option<Ecam> {
    let (address, size) = bridge.registers(0)?;
    let last_bus = bridge.property("bus-range").and_then(|range| cells(range).nth(1)).unwrap_or(255);
    let buses = (size / MappedEcam::BUS_SIZE).min(u64::from(last_bus) + 1);
    let last_bus = u8::try_from(buses.checked_sub(1)?).ok()?;
    address.is_multiple_of(MappedEcam::BUS_SIZE).then_some(Ecam { address, last_bus })
}

/// The ranges of addresses that the devices of a PCI host bridge can be given: of I/O ports, and of memory. On the bus they
/// lie below 4 GiB, since what a device is given has 32 bits.
pub fn pci_ranges(bridge: &Node<'_>) -> [Option<Range>; 2] {
    let mut given = cells(bridge.property("ranges").unwrap_or_default());
    let mut found = [None; 2];
    // An address of three cells, of which the first says what kind it is of, one for the CPU of two, and a size of two.
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
