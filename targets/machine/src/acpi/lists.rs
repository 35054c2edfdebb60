//! The tables that are lists: of interrupt controllers, MADT (ACPI 6.5, 5.2.12), and of PCI configuration spaces, MCFG (PCI
//! Firmware 3.3, 4.1.2).

use crate::memory::{u16_at, u32_at, u64_at};
use crate::pci::Ecam;
use crate::processors::Processors;

const MADT_ENTRIES: usize = 44;
const MCFG_ENTRIES: usize = 44;
const MCFG_ENTRY_SIZE: usize = 16;

/// An I/O APIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoApic {
    /// Physical address of its registers.
    pub address: u32,
    /// The global system interrupt of its first input.
    pub first_gsi: u32,
}

/// An ISA interrupt that is wired to a global system interrupt of another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    /// The ISA interrupt.
    pub irq: u8,
    /// The global system interrupt.
    pub gsi: u32,
}

/// The multiple APIC description table.
#[derive(Clone, Copy, Debug)]
pub struct Madt<'m> {
    /// Physical address of the local APIC.
    pub local_apic: u64,
    entries: &'m [u8],
}

impl<'m> Madt<'m> {
    pub(super) fn parse(table: &'m [u8]) -> Option<Self> {
        let mut madt = Self { local_apic: u32_at(table, 36)?.into(), entries: table.get(MADT_ENTRIES..)? };
        if let Some(address) = madt.of_type(5).find_map(|entry| u64_at(entry, 4)) {
            madt.local_apic = address;
        }
        Some(madt)
    }

    /// The I/O APICs.
    pub fn io_apics(&self) -> impl Iterator<Item = IoApic> + use<'m> {
        self.of_type(1).filter_map(|entry| Some(IoApic { address: u32_at(entry, 4)?, first_gsi: u32_at(entry, 8)? }))
    }

    /// The ISA interrupts whose global system interrupts have other numbers.
    pub fn overrides(&self) -> impl Iterator<Item = Override> + use<'m> {
        self.of_type(2).filter_map(|entry| Some(Override { irq: *entry.get(3)?, gsi: u32_at(entry, 4)? }))
    }

    /// Counts the enabled processors. `boot_id` is the number of the running processor's local APIC. Processors that could be
    /// plugged in later do not count.
    pub fn processors(&self, boot_id: u32) -> Processors {
        const ENABLED: u32 = 1;
        let local = self.of_type(0).filter_map(|entry| Some((u32::from(*entry.get(3)?), u32_at(entry, 4)?)));
        // A processor with a number below 255 has an entry of the other kind (5.2.12.12) and may have one of this kind, too.
        let extended = self.of_type(9).filter_map(|entry| Some((u32_at(entry, 4)?, u32_at(entry, 8)?)));
        let all = local.chain(extended.filter(|&(id, _)| id >= 255));
        let mut processors = Processors { count: 0, boot: 0 };
        for (id, _) in all.filter(|&(_, flags)| flags & ENABLED != 0) {
            if id == boot_id {
                processors.boot = processors.count;
            }
            processors.count += 1;
        }
        if processors.count == 0 { Processors::ONE } else { processors }
    }

    fn of_type(&self, kind: u8) -> impl Iterator<Item = &'m [u8]> + use<'m> {
        let mut rest = self.entries;
        core::iter::from_fn(move || {
            // An entry shorter than its type and length would make this loop endless.
            let length = usize::from(*rest.get(1)?);
            let (entry, after) = rest.split_at_checked(length).filter(|_| length >= 2)?;
            rest = after;
            Some(entry)
        })
        .filter(move |entry| entry.first() == Some(&kind))
    }
}

/// The configuration space of PCI segment 0 from bus 0 on.
pub fn ecam(table: &[u8]) -> Option<Ecam> {
    table.get(MCFG_ENTRIES..)?.chunks_exact(MCFG_ENTRY_SIZE).find_map(|entry| {
        let of_bus_0 = u16_at(entry, 8)? == 0 && entry[10] == 0;
        of_bus_0.then_some(Ecam { address: u64_at(entry, 0)?, last_bus: entry[11] })
    })
}
