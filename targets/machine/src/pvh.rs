//! Reads the start information of a PVH loader: `hvm_start_info` (Xen, public/arch-x86/hvm/start_info.h).

use crate::memory::{Memory, u32_at, u64_at};
use crate::start_info::{RAM_ENTRY_SIZE, StartInfo, usable_ram};

const MAGIC: u32 = 0x336e_c578;
const START_INFO_SIZE: usize = 56;
const MAX_COMMAND_LINE: usize = 2048;
/// Entries of the memory map that are read. QEMU's PCs have about ten.
const MAX_MEMORY_MAP: usize = 64;

/// Reads the start information at a physical address. `None` if there is none.
pub fn read<'m>(memory: &'m impl Memory, address: u64) -> Option<StartInfo<'m>> {
    // Version 0 ends before the memory map. The bytes after it are read, too, but not used.
    let info = memory.bytes(address, START_INFO_SIZE)?;
    if u32_at(info, 0)? != MAGIC {
        return None;
    }
    let map = match u32_at(info, 4)? {
        0 => &[],
        _ => memory_map(memory, u64_at(info, 40)?, u32_at(info, 48)?),
    };
    Some(StartInfo {
        command_line: c_string(memory, u64_at(info, 24)?),
        rsdp: u64_at(info, 32)?,
        ram: usable_ram(map.chunks_exact(RAM_ENTRY_SIZE)),
        kept: 0..0,
    })
}

fn memory_map(memory: &impl Memory, map: u64, entries: u32) -> &[u8] {
    let entries = usize::try_from(entries).unwrap_or(usize::MAX).min(MAX_MEMORY_MAP);
    memory.bytes(map, entries * RAM_ENTRY_SIZE).unwrap_or_default()
}

fn c_string(memory: &impl Memory, address: u64) -> &[u8] {
    // Measured byte by byte, because memory that cannot be read may follow the string.
    let at = |offset: usize| Some(*memory.bytes(address.checked_add(offset as u64)?, 1)?.first()?);
    let length = (0..MAX_COMMAND_LINE).take_while(|&offset| !matches!(at(offset), None | Some(0))).count();
    memory.bytes(address, length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Ram;
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
            let entry = 0x200 + i * RAM_ENTRY_SIZE;
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
        let info = read(&image, 0x100).unwrap();
        assert_eq!(info.command_line, b"agent=com1 console=none");
        assert_eq!(info.rsdp, 0xf_5000);
        let low = Ram { start: 0, end: 0x9_fc00 };
        assert_eq!(info.ram, [low, Ram { start: 0x10_0000, end: 0x80_0000 }], "no reserved, no overflowing range");
    }

    #[test]
    fn version_0_has_no_memory_map() {
        assert!(read(&image(0, 4), 0x100).unwrap().ram.is_empty());
    }

    #[test]
    fn absurd_addresses_and_counts_are_survived() {
        assert!(read(&image(1, u32::MAX), 0x100).unwrap().ram.len() <= 16);
        assert!(read(&image(1, 4), u64::MAX).is_none());
        assert!(read(&image(1, 4), 0x104).is_none(), "no magic there");
        let mut unterminated = image(1, 4);
        unterminated.put(0x118, &0x1ff0u64.to_le_bytes());
        unterminated.put(0x1ff0, &[b'x'; 16]);
        assert_eq!(read(&unterminated, 0x100).unwrap().command_line, [b'x'; 16]);
    }
}
