//! PCI host bridges: which addresses their devices can have, and where their interrupts arrive (Devicetree Specification
//! 0.4, 2.3.8 and 2.4.3; IEEE 1275, PCI bus binding).

use super::{Node, Tree, cells, number};
use crate::pci::Range;

/// A PCI host bridge's map of interrupts.
#[derive(Clone, Copy, Debug)]
pub struct InterruptMap<'t> {
    map: &'t [u8],
    mask: [u32; 4],
    tree: Tree<'t>,
}

impl<'t> InterruptMap<'t> {
    /// The map of a bridge; `None` if it has none.
    pub fn of(bridge: &Node<'t>, tree: &Tree<'t>) -> Option<Self> {
        let mut mask = [0; 4];
        let given = cells(bridge.property("interrupt-map-mask")?);
        mask.iter_mut().zip(given).for_each(|(mask, given)| *mask = given);
        Some(Self { map: bridge.property("interrupt-map")?, mask, tree: *tree })
    }

    /// The cells that describe to its controller the interrupt of a device on the bridge's own bus, by one of its four
    /// pins, counted from 1.
    pub fn route(&self, device: u8, pin: u8) -> Option<&'t [u8]> {
        let address = u32::from(device) << 11;
        let wanted = [address & self.mask[0], 0, 0, u32::from(pin) & self.mask[3]];
        let mut rest = self.map;
        loop {
            // An address of three cells, the pin, the controller, an address there, and what tells it the interrupt.
            let mut entry = cells(rest);
            let child = [entry.next()?, entry.next()?, entry.next()?, entry.next()?];
            let controller = self.tree.by_phandle(entry.next()?)?;
            let count = |name| controller.cell(name).map(|cells| 4 * cells.min(8) as usize);
            let address_size = count("#address-cells").unwrap_or(0);
            let specifier = rest.get(20 + address_size..)?.get(..count("#interrupt-cells")?)?;
            if (0..4).all(|index| child[index] & self.mask[index] == wanted[index] & self.mask[index]) {
                return Some(specifier);
            }
            rest = rest.get(20 + address_size + specifier.len()..)?;
        }
    }
}

/// The ranges of addresses that the devices of a PCI host bridge can be given: of I/O ports, and of memory that 32 bits
/// reach.
pub fn pci_ranges(bridge: &Node<'_>) -> [Option<Range>; 2] {
    let mut given = cells(bridge.property("ranges").unwrap_or_default());
    let mut found = [None; 2];
    // An address of three cells, of which the first says what kind it is of, one for the CPU of two, and a size of two.
    while let Some(kind) = given.next() {
        let mut two = || number(&mut given, 2);
        let (Some(on_bus), Some(address), Some(size)) = (two(), two(), two()) else { break };
        let whole = on_bus.checked_add(size).is_some() && address.checked_add(size).is_some();
        let place = match kind >> 24 & 3 {
            1 => &mut found[0],
            2 => &mut found[1],
            _ => continue,
        };
        *place = Some(Range { on_bus, address, size }).filter(|_| whole);
    }
    found
}
