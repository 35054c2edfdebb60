//! Where in a message the scanner is, for errors: lines and columns, both from 1, columns in bytes.

use super::syntax::{Problem, Syntax};

/// Counts the bytes of a message across its pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    /// How many bytes came before this piece. All places count from the same byte, and may wrap around.
    before: u32,
    line: u32,
    /// The place of the line's first byte.
    line_start: u32,
    /// The place of the first byte of the token that was begun last.
    token: u32,
}

impl Position {
    pub(super) const fn new() -> Self {
        Self { before: 0, line: 0, line_start: 0, token: 0 }
    }

    /// A message begins `taken` bytes into the piece.
    pub(super) const fn begin(&mut self, taken: usize) {
        self.line = 1;
        self.line_start = self.before.wrapping_add(taken as u32);
    }

    /// A string or word begins `taken` bytes into the piece.
    pub(super) const fn begin_token(&mut self, taken: usize) {
        self.token = self.before.wrapping_add(taken as u32);
    }

    /// The byte that is `taken` bytes into the piece ends a line.
    pub(super) const fn end_line(&mut self, taken: usize) {
        self.line = self.line.saturating_add(1);
        self.line_start = self.before.wrapping_add(taken as u32).wrapping_add(1);
    }

    /// Whether the byte that is `taken` bytes into the piece is the first of a line.
    pub(super) const fn is_line_start(&self, taken: usize) -> bool {
        self.before.wrapping_add(taken as u32) == self.line_start
    }

    /// The piece has ended, after `taken` bytes.
    pub(super) const fn advance(&mut self, taken: usize) {
        self.before = self.before.wrapping_add(taken as u32);
    }

    /// A problem with the token that was begun last.
    pub(super) fn of(&self, problem: Problem) -> Syntax {
        let column = self.token.wrapping_sub(self.line_start).saturating_add(1);
        Syntax { problem, line: self.line, column }
    }
}
