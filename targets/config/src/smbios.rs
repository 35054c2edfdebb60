//! SMBIOS tables: finds them, and the settings in their OEM strings (DMTF DSP0134 3.7: 5.2, 6.1 and 7.12).

use crate::sink::Sink;
use crate::words;

/// What a string with settings begins with: `nanoqga:hostname=web-1`.
const PREFIX: &[u8] = b"nanoqga:";
const OEM_STRINGS: u8 = 11;
const END: u8 = 127;
/// A structure's type, length and handle.
const HEADER: usize = 4;

/// Where the tables lie, by the entry point at the beginning of `bytes`: the address, and the most bytes that they take.
/// `None` if there is no entry point, or its checksum is wrong.
pub fn entry_point(bytes: &[u8]) -> Option<(u64, usize)> {
    let number = |at: usize, count: usize| {
        let bytes = bytes.get(at..)?.get(..count)?;
        Some(bytes.iter().rev().fold(0, |number: u64, &byte| number << 8 | u64::from(byte)))
    };
    let is_sealed = |length: usize| bytes.get(..length).is_some_and(|bytes| sum(bytes) == 0);
    if bytes.starts_with(b"_SM3_") && is_sealed(number(6, 1)? as usize) {
        Some((number(16, 8)?, number(12, 4)? as usize))
    } else if bytes.starts_with(b"_SM_") && is_sealed(number(5, 1)? as usize) {
        Some((number(24, 4)?, number(22, 2)? as usize))
    } else {
        None
    }
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, &byte| sum.wrapping_add(byte))
}

/// Hands the words in all OEM strings that begin with `nanoqga:` to `sink`. Returns whether the tables were there up to their end.
pub fn read(mut tables: &[u8], sink: &mut dyn Sink) -> bool {
    while let Some(&[kind, length]) = tables.first_chunk() {
        if kind == END {
            return true;
        }
        // Its strings follow, with a zero between two. Two zeros end them, also where there are none.
        let after = tables.get(usize::from(length).max(HEADER)..).unwrap_or_default();
        let Some(end) = after.windows(2).position(|pair| pair == [0, 0]) else { return false };
        let strings = after.get(..end).unwrap_or_default().split(|&byte| byte == 0);
        let ours = strings.filter_map(|string| string.strip_prefix(PREFIX)).filter(|_| kind == OEM_STRINGS);
        ours.for_each(|text| words::read(text, sink));
        tables = after.get(end + 2..).unwrap_or_default();
    }
    false
}
