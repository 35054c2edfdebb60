//! What a PC's boot loader hands over, whichever it is.

use core::ops::Range;

use heapless::Vec;

use crate::memory::{Ram, as_many_as_fit, u32_at, u64_at};

/// How many bytes both protocols' entries of a memory map have: start, size, type, and a word that means nothing.
pub(crate) const RAM_ENTRY_SIZE: usize = 24;
const TYPE_RAM: u32 = 1;

/// The parts of the start information that this image uses.
#[derive(Debug)]
pub struct StartInfo<'m> {
    /// The kernel command line, empty when there is none.
    pub command_line: &'m [u8],
    /// Physical address of ACPI's root pointer, 0 when the loader does not know it.
    pub rsdp: u64,
    /// Usable RAM, in the memory map's order.
    pub ram: Vec<Ram, 16>,
    /// Physical addresses within that RAM that must stay as they are, because the information itself lies there.
    pub kept: Range<u64>,
}

/// The RAM that a memory map's entries tell of. More than there is room for is left out.
pub(crate) fn usable_ram<'m>(entries: impl Iterator<Item = &'m [u8]>) -> Vec<Ram, 16> {
    let ram = |entry| {
        let (start, size) = (u64_at(entry, 0)?, u64_at(entry, 8)?);
        let end = start.checked_add(size)?;
        (u32_at(entry, 16)? == TYPE_RAM).then_some(Ram { start, end })
    };
    as_many_as_fit(entries.filter_map(ram))
}
