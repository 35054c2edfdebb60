//! What a PC's boot loader hands over, by PVH or by Multiboot2.

use core::ops::Range;

use heapless::Vec;

use crate::memory::{Ram, as_many_as_fit, u32_at, u64_at};

/// Bytes of a memory map's entry in both protocols: start, size, type, and a reserved word.
pub(crate) const RAM_ENTRY_SIZE: usize = 24;
const TYPE_RAM: u32 = 1;

/// What a guest needs of the information.
#[derive(Debug)]
pub struct StartInfo<'m> {
    /// The kernel command line without its zero byte; empty if there is none.
    pub command_line: &'m [u8],
    /// Physical address of ACPI's root pointer; 0 if the loader does not know it.
    pub rsdp: u64,
    /// The first 16 ranges of usable RAM, in the memory map's order.
    pub ram: Vec<Ram, 16>,
    /// Physical addresses where the information itself lies, in RAM that the memory map calls usable. It must not be
    /// overwritten.
    pub kept: Range<u64>,
}

/// The first 16 ranges of RAM in a memory map.
pub(crate) fn usable_ram<'m>(entries: impl Iterator<Item = &'m [u8]>) -> Vec<Ram, 16> {
    let ram = |entry| {
        let (start, size) = (u64_at(entry, 0)?, u64_at(entry, 8)?);
        let end = start.checked_add(size)?;
        (u32_at(entry, 16)? == TYPE_RAM).then_some(Ram { start, end })
    };
    as_many_as_fit(entries.filter_map(ram))
}
