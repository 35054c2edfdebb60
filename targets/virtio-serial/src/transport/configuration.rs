//! Fields of a device's own configuration, which begins at `start` of a window.
//!
//! They are accessed in their own width (virtio 1.2, sections 4.1.3.1 and 4.2.2.2), larger ones in pieces of 32 bits.

use virtio_drivers::{Error, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::registers::Registers;

/// Reads the field at `offset`.
pub(super) fn read<T: FromBytes + IntoBytes>(window: &impl Registers, start: usize, offset: usize) -> Result<T> {
    let mut at = place(window, start, offset, size_of::<T>())?;
    let mut value = T::new_zeroed();
    let mut rest = value.as_mut_bytes();
    while let Some(width) = widest(at, rest.len()) {
        let (piece, behind) = rest.split_at_mut(width);
        match piece {
            [a, b, c, d] => [*a, *b, *c, *d] = window.read_u32(at).to_le_bytes(),
            [a, b] => [*a, *b] = window.read_u16(at).to_le_bytes(),
            piece => piece.fill(window.read_u8(at)),
        }
        (at, rest) = (at + width, behind);
    }
    Ok(value)
}

/// Writes the field at `offset`.
pub(super) fn write<T: IntoBytes + Immutable>(
    window: &impl Registers,
    start: usize,
    offset: usize,
    value: T,
) -> Result<()> {
    let mut at = place(window, start, offset, size_of::<T>())?;
    let mut rest = value.as_bytes();
    while let Some(width) = widest(at, rest.len()) {
        let (piece, behind) = rest.split_at(width);
        match *piece {
            [a, b, c, d] => window.write_u32(at, u32::from_le_bytes([a, b, c, d])),
            [a, b] => window.write_u16(at, u16::from_le_bytes([a, b])),
            [a] => window.write_u8(at, a),
            _ => {}
        }
        (at, rest) = (at + width, behind);
    }
    Ok(())
}

/// Returns where a field begins in the window, if it lies in it.
fn place(window: &impl Registers, start: usize, offset: usize, size: usize) -> Result<usize> {
    let at = start.checked_add(offset).ok_or(Error::ConfigSpaceTooSmall)?;
    match at.checked_add(size) {
        Some(end) if end <= window.size() => Ok(at),
        _ => Err(Error::ConfigSpaceTooSmall),
    }
}

/// Returns the width in bytes of the largest register that is aligned at `at` and has at most `left` bytes.
fn widest(at: usize, left: usize) -> Option<usize> {
    [4, 2, 1].into_iter().find(|width| at.is_multiple_of(*width) && *width <= left)
}
