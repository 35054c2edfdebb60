//! Reads the static ACPI tables for what a guest needs (ACPI 6.5, chapter 5). It does not interpret AML.
//!
//! Own code, because the crate `acpi` loops for ever on an interrupt controller of length 0, checks no checksums, and has no
//! way to refuse memory that a table must not be read from.

mod facs;
mod fadt;
mod general;
mod lists;
mod sleep;

pub use self::facs::WakingVectors;
pub use self::fadt::{ButtonEvents, Fadt, Register};
pub use self::general::GeneralEvents;
pub use self::lists::{IoApic, Madt, Override, ecam};
pub use self::sleep::SleepTypes;
pub use crate::pci::Ecam;
pub use crate::processors::Processors;

use crate::memory::{Memory, u16_at, u32_at, u64_at};

const HEADER_SIZE: usize = 36;
/// Larger tables are refused: no virtual machine has any.
const MAX_TABLE_SIZE: usize = 1 << 20;
/// Entries of the root table that are looked at. Machines have about ten. The limit bounds the time, because each lookup sums
/// up every table with the right signature.
const MAX_TABLES: usize = 64;
const RSDP_SIGNATURE: &[u8; 8] = b"RSD PTR ";

/// The tables to which the root table points.
#[derive(Debug)]
pub struct Tables<'m, M> {
    memory: &'m M,
    pointers: &'m [u8],
    pointer_size: usize,
}

impl<'m, M: Memory> Tables<'m, M> {
    /// Finds the tables by the root pointer at physical address `rsdp`. If that is 0, it searches low memory for the root
    /// pointer, where a BIOS leaves it (5.2.5.1). `None` on a machine without ACPI.
    pub fn find(memory: &'m M, rsdp: u64) -> Option<Self> {
        if rsdp != 0 {
            return Self::from_root_pointer(memory, rsdp);
        }
        let ebda = memory.bytes(0x40e, 2).and_then(|raw| u16_at(raw, 0)).map_or(0, |segment| u64::from(segment) << 4);
        let ebda = (ebda..ebda + 1024).step_by(16).filter(|_| ebda != 0);
        let mut places = ebda.chain((0xe_0000..0x10_0000).step_by(16));
        // The first intact one counts, even if it points to no table.
        Self::from_root_pointer(memory, places.find(|&address| root_pointer(memory, address).is_some())?)
    }

    fn from_root_pointer(memory: &'m M, address: u64) -> Option<Self> {
        let rsdp = root_pointer(memory, address)?;
        // From revision 2 on the root pointer is longer, and has the address of a table of 64-bit addresses.
        let extended = memory.bytes(address, 36).filter(|rsdp| rsdp.get(15) >= Some(&2) && checksum(rsdp) == 0);
        let xsdt = extended.and_then(|rsdp| u64_at(rsdp, 24)).filter(|&xsdt| xsdt != 0);
        let (root, pointer_size) = match xsdt.and_then(|xsdt| table(memory, xsdt, b"XSDT")) {
            Some(xsdt) => (xsdt, 8),
            None => (table(memory, u32_at(rsdp, 16)?.into(), b"RSDT")?, 4),
        };
        Some(Self { memory, pointers: root.get(HEADER_SIZE..)?, pointer_size })
    }

    /// The first table with a signature, header included. Its length and checksum are right.
    pub fn table(&self, signature: &[u8; 4]) -> Option<&'m [u8]> {
        self.all(signature).next()
    }

    /// All tables with a signature.
    fn all(&self, signature: &[u8; 4]) -> impl Iterator<Item = &'m [u8]> {
        (0..MAX_TABLES)
            .map_while(|index| self.pointer(index))
            .filter_map(|address| table(self.memory, address, signature))
    }

    fn pointer(&self, index: usize) -> Option<u64> {
        let offset = index * self.pointer_size;
        match self.pointer_size {
            8 => u64_at(self.pointers, offset),
            _ => u32_at(self.pointers, offset).map(u64::from),
        }
    }

    /// The fixed description of the machine: the FADT.
    pub fn fadt(&self) -> Option<Fadt> {
        Fadt::parse(self.table(b"FACP")?)
    }

    /// The registers of the fixed power button, also in the FADT.
    pub fn button_events(&self) -> Option<ButtonEvents> {
        ButtonEvents::parse(self.table(b"FACP")?)
    }

    /// The first registers of general events, also in the FADT.
    pub fn general_events(&self) -> Option<GeneralEvents> {
        GeneralEvents::parse(self.table(b"FACP")?)
    }

    /// The list of interrupt controllers and processors: the MADT.
    pub fn madt(&self) -> Option<Madt<'m>> {
        Madt::parse(self.table(b"APIC")?)
    }

    /// Where PCI's configuration space lies in memory: from the MCFG table.
    pub fn ecam(&self) -> Option<Ecam> {
        ecam(self.table(b"MCFG")?)
    }

    /// Where a guest writes the address at which it wants to go on after a sleep.
    pub fn waking_vectors(&self) -> Option<WakingVectors> {
        WakingVectors::find(self.memory, self.table(b"FACP")?)
    }

    /// The values for the sleep registers that switch the machine off: `\_S5`.
    pub fn power_off_types(&self, fadt: &Fadt) -> Option<SleepTypes> {
        self.sleep_types(fadt, b"_S5_")
    }

    /// The values for the sleep registers that suspend the machine to RAM: `\_S3`.
    pub fn suspend_types(&self, fadt: &Fadt) -> Option<SleepTypes> {
        self.sleep_types(fadt, b"_S3_")
    }

    /// Searches the DSDT, then the secondary tables (SSDT).
    fn sleep_types(&self, fadt: &Fadt, name: &[u8; 4]) -> Option<SleepTypes> {
        let dsdt = table(self.memory, fadt.dsdt, b"DSDT");
        dsdt.into_iter().chain(self.all(b"SSDT")).find_map(|table| SleepTypes::find(table.get(HEADER_SIZE..)?, name))
    }
}

/// The first 20 bytes of the root pointer at a physical address, if its signature and checksum are right.
fn root_pointer<M: Memory>(memory: &M, address: u64) -> Option<&[u8]> {
    memory.bytes(address, 20).filter(|rsdp| rsdp.starts_with(RSDP_SIGNATURE) && checksum(rsdp) == 0)
}

/// The table at a physical address, if it has this signature, lies in readable memory, and has the right checksum.
fn table<'m, M: Memory>(memory: &'m M, address: u64, signature: &[u8; 4]) -> Option<&'m [u8]> {
    let header = memory.bytes(address, HEADER_SIZE)?;
    let length = usize::try_from(u32_at(header, 4)?).ok()?;
    if !header.starts_with(signature) || !(HEADER_SIZE..=MAX_TABLE_SIZE).contains(&length) {
        return None;
    }
    memory.bytes(address, length).filter(|table| checksum(table) == 0)
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, &byte| sum.wrapping_add(byte))
}

#[cfg(test)]
mod tests;
