//! What the boot loader hands over: PVH's `hvm_start_info` (Xen, public/arch-x86/hvm/start_info.h).

use heapless::Vec;

pub use crate::memory::Ram;
use crate::memory::{Memory, u32_at, u64_at};

const MAGIC: u32 = 0x336e_c578;
const START_INFO_SIZE: usize = 56;
const MEMORY_MAP_ENTRY_SIZE: usize = 24;
const TYPE_RAM: u32 = 1;
const MAX_COMMAND_LINE: usize = 2048;
/// QEMU's PCs have about ten entries; more are ignored.
const MAX_MEMORY_MAP: usize = 64;

/// The parts of the start information that this image uses.
#[derive(Debug)]
pub struct StartInfo<'m> {
    /// The kernel command line, empty when there is none.
    pub command_line: &'m [u8],
    /// Physical address of ACPI's root pointer, 0 when the loader does not know it.
    pub rsdp: u64,
    /// Usable RAM, in the memory map's order.
    pub ram: Vec<Ram, 16>,
}

impl<'m> StartInfo<'m> {
    /// Reads the start information at a physical address. `None` when there is none.
    pub fn read(memory: &'m impl Memory, address: u64) -> Option<Self> {
        // Version 0 ends before the memory map; its reserved words are then read as what follows in memory.
        let info = memory.bytes(address, START_INFO_SIZE)?;
        if u32_at(info, 0)? != MAGIC {
            return None;
        }
        let version = u32_at(info, 4)?;
        let ram = match version {
            0 => Vec::new(),
            _ => usable_ram(memory, u64_at(info, 40)?, u32_at(info, 48)?),
        };
        Some(Self { command_line: c_string(memory, u64_at(info, 24)?), rsdp: u64_at(info, 32)?, ram })
    }
}

fn usable_ram(memory: &impl Memory, map: u64, entries: u32) -> Vec<Ram, 16> {
    let entries = usize::try_from(entries).unwrap_or(usize::MAX).min(MAX_MEMORY_MAP);
    let map = memory.bytes(map, entries * MEMORY_MAP_ENTRY_SIZE).unwrap_or_default();
    let mut usable = Vec::new();
    for entry in map.chunks_exact(MEMORY_MAP_ENTRY_SIZE) {
        if u32_at(entry, 16) == Some(TYPE_RAM)
            && let (Some(start), Some(size)) = (u64_at(entry, 0), u64_at(entry, 8))
            && let Some(end) = start.checked_add(size)
        {
            // More than there is room for are left out.
            let _ = usable.push(Ram { start, end });
        }
    }
    usable
}

fn c_string(memory: &impl Memory, address: u64) -> &[u8] {
    // The string may end just before memory that cannot be read, so it is measured byte by byte.
    let at = |offset: usize| Some(*memory.bytes(address.checked_add(offset as u64)?, 1)?.first()?);
    let length = (0..MAX_COMMAND_LINE).take_while(|&offset| !matches!(at(offset), None | Some(0))).count();
    memory.bytes(address, length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Image;

    fn image(version: u32, entries: u32) -> Image {
        let mut image = Image::new(0x2000);
        image.put(0x100, &MAGIC.to_le_bytes());
        image.put(0x104, &version.to_le_bytes());
        image.put(0x118, &0x400u64.to_le_bytes());
        image.put(0x120, &0xf_5000u64.to_le_bytes());
        image.put(0x128, &0x200u64.to_le_bytes());
        image.put(0x130, &entries.to_le_bytes());
        for (i, (start, size, kind)) in
            [(0u64, 0x9_fc00u64, 1u32), (0x10_0000, 0x70_0000, 1), (0x80_0000, 0x1000, 2), (u64::MAX, 2, 1)]
                .into_iter()
                .enumerate()
        {
            let entry = 0x200 + i * MEMORY_MAP_ENTRY_SIZE;
            image.put(entry, &start.to_le_bytes());
            image.put(entry + 8, &size.to_le_bytes());
            image.put(entry + 16, &kind.to_le_bytes());
        }
        image.put(0x400, b"agent=com1 console=none\0");
        image
    }

    #[test]
    fn a_whole_start_info_is_read() {
        let image = image(1, 4);
        let info = StartInfo::read(&image, 0x100).unwrap();
        assert_eq!(info.command_line, b"agent=com1 console=none");
        assert_eq!(info.rsdp, 0xf_5000);
        let low = Ram { start: 0, end: 0x9_fc00 };
        assert_eq!(info.ram, [low, Ram { start: 0x10_0000, end: 0x80_0000 }], "no reserved, no overflowing range");
    }

    #[test]
    fn version_0_has_no_memory_map() {
        assert!(StartInfo::read(&image(0, 4), 0x100).unwrap().ram.is_empty());
    }

    #[test]
    fn absurd_addresses_and_counts_are_survived() {
        assert!(StartInfo::read(&image(1, u32::MAX), 0x100).unwrap().ram.len() <= 16);
        assert!(StartInfo::read(&image(1, 4), u64::MAX).is_none());
        assert!(StartInfo::read(&image(1, 4), 0x104).is_none(), "no magic there");
        let mut unterminated = image(1, 4);
        unterminated.put(0x118, &0x1ff0u64.to_le_bytes());
        unterminated.put(0x1ff0, &[b'x'; 16]);
        assert_eq!(StartInfo::read(&unterminated, 0x100).unwrap().command_line, [b'x'; 16]);
    }
}
