//! Bytes to messages and back: knows JSON, knows no command.
//!
//! [`scanner`] takes requests in, [`members`] looks into what it stored, [`line`](mod@line) puts replies out.

pub mod base64;
mod json;
pub mod line;
pub mod members;
pub mod scanner;
pub mod text;

/// A range of bytes in the stored message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes of `message` that the span covers; empty if it lies outside.
    #[must_use]
    pub fn of(self, message: &[u8]) -> &[u8] {
        message.get(self.start..self.end).unwrap_or_default()
    }

    /// The same without its first and last byte: the inside of a string.
    #[must_use]
    pub const fn inside(self) -> Self {
        Self { start: self.start.saturating_add(1), end: self.end.saturating_sub(1) }
    }
}
