//! What tells one list of tests from another: FNV-1a over names and properties, in 64 bits.

use core::fmt::{self, Write};

use serde::{Serialize, Serializer};

use super::guest::Testing;
use super::test::Properties;

/// The digest of all tests of a guest.
pub(super) fn of<G: Testing>(guest: &G) -> Hex {
    let all = (0..).map_while(|index| guest.properties(index));
    Hex(all.fold(0xcbf2_9ce4_8422_2325, |hash, properties| add(hash, &properties)))
}

fn add(hash: u64, properties: &Properties<'_>) -> u64 {
    let Properties { name, should_panic, ignored, timeout_ms, alone, cases } = *properties;
    let hash = [Some(name), should_panic, ignored].into_iter().fold(hash, text);
    let hash = [timeout_ms, cases, Some(alone.into())].into_iter().fold(hash, number);
    bytes(hash, &[0xFF])
}

/// What is not there must not look like an empty text: no text has a byte 0xFE or 0xFD.
fn text(hash: u64, text: Option<&str>) -> u64 {
    match text {
        Some(text) => bytes(bytes(hash, text.as_bytes()), &[0xFE]),
        None => bytes(hash, &[0xFD]),
    }
}

fn number(hash: u64, number: Option<u32>) -> u64 {
    match number {
        Some(number) => bytes(bytes(hash, &[1]), &number.to_le_bytes()),
        None => bytes(hash, &[0]),
    }
}

fn bytes(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A number in 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hex(pub(super) u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..16).rev().try_for_each(|digit| {
            f.write_char(char::from_digit((self.0 >> (digit * 4) & 0xF) as u32, 16).unwrap_or_default())
        })
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
