//! The stage: a piece of a reply at a time, staged and then handed out into whatever room there is.

use super::shape::Shape;

/// What `guest-sync-delimited` puts before its reply, for a host to find its beginning: a byte that no JSON text holds.
pub const DELIMITER: u8 = 0xFF;

/// How far a piece of a reply is handed out. The piece itself lies in a buffer that is lent for each call, always the same.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(super) length: usize,
    /// How much is handed out.
    out: usize,
    /// Whether a [`DELIMITER`] goes out first.
    pub(super) delimited: bool,
    /// The shape of the reply's value, of which this is a piece.
    pub(super) shape: Shape,
}

/// It does not fit the stage, or may not stand where it would: a value in an object, a member outside of one. A value that has no
/// JSON, such as a number of 128 bits, fits no stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Stage {
    pub(crate) const fn new() -> Self {
        Self { length: 0, out: 0, delimited: false, shape: Shape::new() }
    }

    /// Drops what is staged.
    pub(super) const fn clear(&mut self) {
        (self.length, self.out, self.delimited) = (0, 0, false);
    }

    /// Hands staged bytes out; returns how many of `room` are filled.
    pub(crate) fn hand_out(&mut self, bytes: &[u8], room: &mut [u8]) -> usize {
        let (delimiter, rest) = room.split_at_mut_checked(usize::from(self.delimited)).unwrap_or_default();
        delimiter.fill(DELIMITER);
        self.delimited = self.delimited && delimiter.is_empty();
        let staged = bytes.get(self.out..self.length).unwrap_or_default();
        let count = staged.len().min(rest.len());
        let staged = staged.get(..count).unwrap_or_default();
        if super::copy(staged, rest, 0).is_some() {
            self.out += count;
        }
        delimiter.len() + count
    }

    /// Whether everything staged has been handed out.
    pub(crate) const fn is_empty(&self) -> bool {
        self.out >= self.length
    }
}
