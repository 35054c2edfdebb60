//! Physical memory as an input describes it.

use std::cell::Cell;

use machine::memory::Memory;

/// Memory that is there in pieces, and what was read of it.
#[derive(Debug)]
pub struct Pieces {
    pieces: Vec<(u64, Vec<u8>)>,
    bytes_read: Cell<u64>,
}

impl Pieces {
    /// An input is an address to begin at, of 8 bytes, and then pieces of memory: the address of each, of 8 bytes, its length,
    /// of 4, and its bytes, as far as the input has them. Numbers are little-endian. A piece that overlaps one before, or that
    /// would reach beyond the last address, is left out: memory has one byte at an address.
    #[must_use]
    pub fn parse(input: &[u8]) -> Option<(u64, Self)> {
        let (start, mut rest) = input.split_first_chunk()?;
        let mut pieces: Vec<(u64, Vec<u8>)> = Vec::new();
        while let Some((address, after)) = rest.split_first_chunk()
            && let Some((length, after)) = after.split_first_chunk()
        {
            let address = u64::from_le_bytes(*address);
            let length = (u32::from_le_bytes(*length) as usize).min(after.len());
            let (bytes, after) = after.split_at(length);
            rest = after;
            let Some(end) = address.checked_add(length as u64) else { continue };
            if pieces.iter().all(|(other, bytes)| end <= *other || other + bytes.len() as u64 <= address) {
                pieces.push((address, bytes.to_vec()));
            }
        }
        Some((u64::from_le_bytes(*start), Self { pieces, bytes_read: Cell::new(0) }))
    }

    /// Gives each table with one of these signatures the checksum that makes it whole: the fuzzer would hardly ever find it.
    pub fn seal(&mut self, signatures: &[&[u8]]) {
        for (_, bytes) in &mut self.pieces {
            for at in 0..bytes.len() {
                if signatures.iter().any(|signature| bytes[at..].starts_with(signature)) {
                    seal(&mut bytes[at..]);
                }
            }
        }
    }

    /// Whether all of a slice is memory of these pieces.
    #[must_use]
    pub fn holds(&self, slice: &[u8]) -> bool {
        let slice = slice.as_ptr_range();
        let in_piece = |(_, bytes): &(u64, Vec<u8>)| {
            let piece = bytes.as_ptr_range();
            piece.start <= slice.start && slice.end <= piece.end
        };
        slice.is_empty() || self.pieces.iter().any(in_piece)
    }

    /// How many bytes were asked for so far, and one for each time.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }
}

impl Memory for Pieces {
    fn bytes(&self, address: u64, length: usize) -> Option<&[u8]> {
        let found = self.pieces.iter().find_map(|(start, bytes)| {
            let offset = usize::try_from(address.checked_sub(*start)?).ok()?;
            bytes.get(offset..)?.get(..length)
        });
        self.bytes_read.set(self.bytes_read.get() + 1 + found.map_or(0, |found| found.len() as u64));
        found
    }
}

/// Corrects the checksum of a root pointer, or of a table with the usual header.
fn seal(table: &mut [u8]) {
    let (at, length) = if table.starts_with(b"RSD PTR ") {
        (8, 20)
    } else {
        let length =
            table.get(4..).and_then(|length| length.first_chunk()).map_or(0, |length| u32::from_le_bytes(*length));
        (9, length as usize)
    };
    if let Some(table) = table.get_mut(..length).filter(|table| at < table.len()) {
        let sum = table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        table[at] = table[at].wrapping_sub(sum);
    }
}
