//! Bytes to messages and back: knows JSON, knows no command.
//!
//! [`scanner`] takes requests in; `members` and `walk` look into what it stored; `stage` and `writer` put replies out.

pub mod base64;
pub(crate) mod digits;
#[cfg(feature = "testing")]
pub(crate) mod document;
mod grammar;
pub mod members;
mod names;
mod position;
pub mod scanner;
pub(crate) mod shape;
pub(crate) mod stage;
pub mod syntax;
pub mod text;
mod value;
pub(crate) mod walk;
pub(crate) mod writer;

/// Copies `from` to `place` of `to`, if it fits there; says where it ends.
pub(crate) fn copy(from: &[u8], to: &mut [u8], place: usize) -> Option<usize> {
    let end = place.checked_add(from.len())?;
    let to = to.get_mut(place..end)?;
    match from.len() {
        // The C library's memcpy may take ten times as long for so few bytes. The images' does not, and they have little room.
        0..=32 if !cfg!(target_os = "none") => copy_short(from, to),
        // They are as long as each other, so this cannot panic.
        _ => to.copy_from_slice(from),
    }
    Some(end)
}

/// Copies up to 32 bytes to a slice of their length: the first half of them, and the last half, which may overlap.
fn copy_short(from: &[u8], to: &mut [u8]) {
    match from.len() {
        0 => {}
        1 => copy_ends::<1>(from, to),
        2..=4 => copy_ends::<2>(from, to),
        5..=8 => copy_ends::<4>(from, to),
        9..=16 => copy_ends::<8>(from, to),
        _ => copy_ends::<16>(from, to),
    }
}

/// Copies the first `N` bytes and the last `N`.
fn copy_ends<const N: usize>(from: &[u8], to: &mut [u8]) {
    if let (Some(first), Some(to)) = (from.first_chunk::<N>(), to.first_chunk_mut()) {
        *to = *first;
    }
    if let (Some(last), Some(to)) = (from.last_chunk::<N>(), to.last_chunk_mut()) {
        *to = *last;
    }
}

/// A range of bytes in the stored message. It fits a register: spans are what requests and errors are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The bytes from `start` up to `end`. No message is longer than 4 GiB: [`Agent`](crate::Agent) sees to it.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The first byte.
    #[must_use]
    pub const fn start(self) -> usize {
        self.start as usize
    }

    /// One past the last byte.
    #[must_use]
    pub const fn end(self) -> usize {
        self.end as usize
    }

    /// The bytes of `message` that the span covers; empty if it lies outside.
    #[must_use]
    pub fn of(self, message: &[u8]) -> &[u8] {
        message.get(self.start()..self.end()).unwrap_or_default()
    }

    /// The same without its first and last byte: the inside of a string.
    #[must_use]
    pub const fn inside(self) -> Self {
        Self { start: self.start.saturating_add(1), end: self.end.saturating_sub(1) }
    }
}
