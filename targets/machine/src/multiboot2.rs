//! Reads the boot information of a Multiboot2 loader, such as GRUB (Multiboot2 Specification 2.0, 3.6).
//!
//! Own code, because the crate `multiboot2` adds 5 KiB to an image and panics on memory maps that a loader can write.

use core::iter;

use crate::memory::{Memory, u32_at};
use crate::start_info::{RAM_ENTRY_SIZE, StartInfo, usable_ram};

/// The bytes before the first tag: the size of the information, and a reserved word.
const HEADER_SIZE: usize = 8;
/// Larger information is refused: no loader writes as much.
const MAX_SIZE: usize = 1 << 16;
const TAG_COMMAND_LINE: u32 = 1;
const TAG_MEMORY_MAP: u32 = 6;
const TAG_ACPI_OLD: u32 = 14;
const TAG_ACPI_NEW: u32 = 15;

/// Reads the information at a physical address. `None` if there is none. It has no magic number; it is recognised by its
/// size and the reserved word.
pub fn read<'m>(memory: &'m impl Memory, address: u64) -> Option<StartInfo<'m>> {
    let header = memory.bytes(address, HEADER_SIZE)?;
    let size = usize::try_from(u32_at(header, 0)?).ok()?;
    if !(HEADER_SIZE..=MAX_SIZE).contains(&size) || u32_at(header, 4)? != 0 {
        return None;
    }
    let info = memory.bytes(address, size)?;
    let tag = |kind| tags(info).find_map(|(found, offset, tag)| (found == kind).then_some((offset, tag)));
    let command_line = tag(TAG_COMMAND_LINE).map_or(&[][..], |(_, line)| line);
    // The tag is a copy of the root pointer. UEFI firmware keeps the original where a search would not find it.
    let rsdp = tag(TAG_ACPI_NEW).or_else(|| tag(TAG_ACPI_OLD)).map_or(0, |(offset, _)| address + offset as u64);
    let map = tag(TAG_MEMORY_MAP).and_then(|(_, map)| {
        let entry_size = usize::try_from(u32_at(map, 0)?).ok().filter(|&size| size >= RAM_ENTRY_SIZE)?;
        Some(map.get(8..)?.chunks_exact(entry_size))
    });
    Some(StartInfo {
        command_line: command_line.split(|&byte| byte == 0).next().unwrap_or_default(),
        rsdp,
        ram: usable_ram(map.into_iter().flatten()),
        kept: address..address + size as u64,
    })
}

/// The tags: type, offset of the content in the information, and content. It ends at a tag that is cut off.
fn tags(info: &[u8]) -> impl Iterator<Item = (u32, usize, &[u8])> {
    let mut next = HEADER_SIZE;
    iter::from_fn(move || {
        let tag = info.get(next..)?;
        let size = usize::try_from(u32_at(tag, 4)?).ok()?;
        let found = (u32_at(tag, 0)?, next + 8, tag.get(8..size)?);
        // Tags begin at multiples of 8. The list's end, a tag of type 0, needs no check: nothing follows it.
        next += size.next_multiple_of(8);
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::memory::Ram;
    use crate::testing::Image;

    const ADDRESS: usize = 0x1000;

    fn tag(kind: u32, content: &[u8]) -> Vec<u8> {
        let mut tag = Vec::new();
        tag.extend(kind.to_le_bytes());
        tag.extend((8 + content.len() as u32).to_le_bytes());
        tag.extend(content);
        tag.resize(tag.len().next_multiple_of(8), 0xee);
        tag
    }

    fn memory_map(entry_size: u32, entries: &[(u64, u64, u32)]) -> Vec<u8> {
        let mut map = Vec::new();
        map.extend(entry_size.to_le_bytes());
        map.extend([0; 4]);
        for (start, size, kind) in entries {
            map.extend(start.to_le_bytes());
            map.extend(size.to_le_bytes());
            map.extend(kind.to_le_bytes());
            map.extend([0; 4]);
        }
        tag(TAG_MEMORY_MAP, &map)
    }

    fn image(tags: &[Vec<u8>]) -> Image {
        let tags = tags.concat();
        let mut image = Image::new(0x2000);
        image.put(ADDRESS, &(HEADER_SIZE as u32 + tags.len() as u32).to_le_bytes());
        image.put(ADDRESS + HEADER_SIZE, &tags);
        image
    }

    fn whole() -> Image {
        image(&[
            tag(2, b"a loader's name\0"),
            tag(TAG_COMMAND_LINE, b"agent=com1 console=none\0"),
            memory_map(24, &[(0, 0x9_fc00, 1), (0x10_0000, 0x70_0000, 1), (0x80_0000, 0x1000, 2), (u64::MAX, 2, 1)]),
            tag(TAG_ACPI_OLD, &[b'1'; 20]),
            tag(TAG_ACPI_NEW, &[b'2'; 36]),
            tag(0, b""),
        ])
    }

    #[test]
    fn whole_information_is_read() {
        let image = whole();
        let info = read(&image, ADDRESS as u64).unwrap();
        assert_eq!(info.command_line, b"agent=com1 console=none");
        assert_eq!(image.bytes(info.rsdp, 36).unwrap(), [b'2'; 36], "the newer copy is preferred");
        let low = Ram { start: 0, end: 0x9_fc00 };
        assert_eq!(info.ram, [low, Ram { start: 0x10_0000, end: 0x80_0000 }], "no reserved, no overflowing range");
        assert_eq!(info.kept.start, ADDRESS as u64);
        assert!(info.kept.contains(&info.rsdp));
    }

    #[test]
    fn what_no_tag_tells_is_empty() {
        let info = read(&image(&[tag(TAG_ACPI_OLD, &[b'1'; 20]), tag(0, b"")]), ADDRESS as u64)
            .map(|info| (info.command_line.len(), info.ram.len(), info.rsdp));
        assert_eq!(info, Some((0, 0, ADDRESS as u64 + 16)));
    }

    #[test]
    fn absurd_sizes_are_survived() {
        for size in [0u32, 7, MAX_SIZE as u32 + 1, u32::MAX] {
            let mut image = whole();
            image.put(ADDRESS, &size.to_le_bytes());
            assert!(read(&image, ADDRESS as u64).is_none(), "information of {size} bytes");
        }
        assert!(read(&whole(), u64::MAX).is_none());
        for size in [0u32, 7, 0x1000, u32::MAX] {
            let mut image = whole();
            image.put(ADDRESS + HEADER_SIZE + 4, &size.to_le_bytes());
            let info = read(&image, ADDRESS as u64).unwrap();
            assert!(info.command_line.is_empty() && info.rsdp == 0 && info.ram.is_empty(), "a tag of {size} bytes");
        }
        for entry_size in [0, 23, u32::MAX] {
            let image = image(&[memory_map(entry_size, &[(0, 0x1000, 1)])]);
            assert!(read(&image, ADDRESS as u64).unwrap().ram.is_empty(), "entries of {entry_size} bytes");
        }
        let many = image(&[memory_map(24, &[(0x1000, 0x1000, 1); 100])]);
        assert_eq!(read(&many, ADDRESS as u64).unwrap().ram.len(), 16);
    }
}
