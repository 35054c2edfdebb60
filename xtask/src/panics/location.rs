//! The places of panics in an image.

use std::fmt;

use anyhow::Result;
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSegment};

/// Where a panic stands in the sources.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Location {
    /// The file, with the name of its crate in front, unless it is of this workspace.
    pub file: String,
    line: u32,
    column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// How long a `core::panic::Location` is: address and length of the file's name, line and column. It is aligned as an address.
const SIZE: usize = 24;
const LONGEST_NAME: u64 = 256;

/// All of an image, in order, each once.
///
/// # Errors
/// When it is no ELF program of 64 bits.
pub(super) fn all(image: &[u8]) -> Result<Vec<Location>> {
    let elf = ElfFile64::<Endianness>::parse(image)?;
    let mut segments = Vec::new();
    for segment in elf.segments() {
        segments.push((segment.address(), segment.data()?));
    }
    let at = |address: u64, length: u64| {
        segments.iter().find_map(|(start, data)| {
            let offset = usize::try_from(address.checked_sub(*start)?).ok()?;
            data.get(offset..offset.checked_add(usize::try_from(length).ok()?)?)
        })
    };
    let mut found = Vec::new();
    for (start, data) in &segments {
        let first = start.next_multiple_of(8) - start;
        for place in (usize::try_from(first)?..data.len()).step_by(8) {
            let Some(bytes) = data.get(place..place + SIZE) else { break };
            found.extend(read(bytes, &at));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// What these bytes say, if they are a place. The name that they point to tells that.
fn read<'i>(bytes: &[u8], at: &impl Fn(u64, u64) -> Option<&'i [u8]>) -> Option<Location> {
    let (words, rest) = bytes.as_chunks::<8>();
    let &[address, length, _] = words else { return None };
    let length = u64::from_le_bytes(length);
    debug_assert!(rest.is_empty());
    let name = (length < LONGEST_NAME).then(|| at(u64::from_le_bytes(address), length))??;
    let name = str::from_utf8(name).ok().filter(|name| name.ends_with(".rs") && name.is_ascii())?;
    let half = |place: usize| bytes.get(place..)?.first_chunk().map(|half| u32::from_le_bytes(*half));
    Some(Location { file: shown(name), line: half(16)?, column: half(20)? })
}

/// A file's name without what another version of its crate or compiler would have differ.
fn shown(name: &str) -> String {
    let name = match name.strip_prefix("/rustc/").and_then(|name| name.split_once("/library/")) {
        Some((_, name)) => name,
        None => name.trim_start_matches('/'),
    };
    let (folder, rest) = name.split_once('/').unwrap_or((name, ""));
    let version = folder.rmatch_indices('-').find(|(place, _)| {
        folder.as_bytes().get(place + 1).is_some_and(u8::is_ascii_digit) && folder[place + 1..].contains('.')
    });
    let package = version.map_or(folder, |(place, _)| &folder[..place]);
    format!("{package}/{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_hashes_are_no_part_of_a_name() {
        for (name, expected) in [
            ("smoltcp-0.14.0/src/wire/ipv6.rs", "smoltcp/src/wire/ipv6.rs"),
            ("starry-fatfs-0.4.1-preview.2/src/fs.rs", "starry-fatfs/src/fs.rs"),
            ("/rustc/59807616e1fa/library/core/src/slice/mod.rs", "core/src/slice/mod.rs"),
            ("targets/machine/src/tick.rs", "targets/machine/src/tick.rs"),
            ("agent-core/src/agent.rs", "agent-core/src/agent.rs"),
        ] {
            assert_eq!(shown(name), expected);
        }
    }

    #[test]
    fn only_what_points_to_the_name_of_a_source_file_is_a_place() {
        let memory = b"src/a.rs src/a.txt";
        let at = |address: u64, length: u64| memory.get(address as usize..(address + length) as usize);
        let bytes = |address: u64, length: u64| {
            let mut bytes = [0; SIZE];
            bytes[..8].copy_from_slice(&address.to_le_bytes());
            bytes[8..16].copy_from_slice(&length.to_le_bytes());
            bytes[16..20].copy_from_slice(&7_u32.to_le_bytes());
            bytes[20..].copy_from_slice(&9_u32.to_le_bytes());
            bytes
        };
        let place = read(&bytes(0, 8), &at).map(|place| place.to_string());
        assert_eq!(place.as_deref(), Some("src/a.rs:7:9"));
        for (address, length) in [(0, 7), (9, 9), (0, 1 << 40), (100, 8)] {
            assert_eq!(read(&bytes(address, length), &at), None, "{address} {length}");
        }
    }
}
