//! Which brackets of a reply are open, so that no comma, name or bracket can be wrong.

/// What a part of a reply is inside of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{` members `}`.
    Object,
    /// `[` elements `]`.
    Array,
    /// `"` characters `"`.
    Text,
}

/// How deep a reply may be nested.
pub const MAX_OPEN: u8 = 31;

/// The open brackets of one value. Level 0 is the value itself; each bracket that is open is a level more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    depth: u8,
    /// Whether a string is open, in the innermost level.
    in_text: bool,
    /// Bit `l`: whether level `l` is an object.
    objects: u32,
    /// Bit `l`: whether there is something in level `l`.
    filled: u32,
}

impl Shape {
    pub(super) const fn new() -> Self {
        Self { depth: 0, in_text: false, objects: 0, filled: 0 }
    }

    /// What stands before the next value, or before the next member's name; `None` if none may stand there.
    pub(super) const fn separator(&self, is_member: bool) -> Option<&'static str> {
        let in_object = self.objects >> self.depth & 1 == 1;
        let filled = self.filled >> self.depth & 1 == 1;
        match (filled, self.depth) {
            _ if self.in_text || in_object != is_member => None,
            (false, _) => Some(""),
            (true, 0) => None,
            (true, _) => Some(","),
        }
    }

    /// Something was added to the innermost level.
    pub(super) const fn fill(&mut self) {
        self.filled |= 1 << self.depth;
    }

    /// Opens the level of an object with members that was added as a value, if there may be one more.
    pub(super) const fn reopen(&mut self) -> Option<()> {
        if self.depth >= MAX_OPEN {
            return None;
        }
        self.depth += 1;
        self.objects |= 1 << self.depth;
        self.fill();
        Some(())
    }

    /// Opens a level, if there may be one more; gives its bracket.
    pub(super) fn open(&mut self, kind: Kind) -> Option<&'static str> {
        if self.in_text || self.depth >= MAX_OPEN && kind != Kind::Text {
            return None;
        }
        self.fill();
        if kind == Kind::Text {
            self.in_text = true;
            return Some("\"");
        }
        self.depth += 1;
        let bit = 1 << self.depth;
        self.filled &= !bit;
        if kind == Kind::Object {
            self.objects |= bit;
            return Some("{");
        }
        self.objects &= !bit;
        Some("[")
    }

    /// Closes the innermost level; gives its bracket. `None` if none is open.
    pub(super) const fn close(&mut self) -> Option<&'static str> {
        if self.in_text {
            self.in_text = false;
            return Some("\"");
        }
        if self.depth == 0 {
            return None;
        }
        let is_object = self.objects >> self.depth & 1 == 1;
        self.depth -= 1;
        Some(if is_object { "}" } else { "]" })
    }

    /// How many bytes it takes to close all that is open.
    pub(super) fn closing(&self) -> usize {
        usize::from(self.depth) + usize::from(self.in_text)
    }

    /// Whether nothing was added yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.filled & 1 == 0
    }

    /// Whether a string is open.
    pub(super) const fn is_in_text(&self) -> bool {
        self.in_text
    }

    /// Whether the innermost bracket is that of an array.
    pub(super) const fn is_in_array(&self) -> bool {
        !self.in_text && self.depth > 0 && self.objects >> self.depth & 1 == 0
    }
}
