//! A walk over stored JSON: the members of an object, the elements of an array.
//!
//! What the scanner stored is compact, valid JSON, so values are skipped without checking them again.

use super::Span;

/// What is directly inside a stored bracket, in order.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'m> {
    message: &'m [u8],
    /// Where the next value begins, or its name; none at the end.
    at: Option<usize>,
    is_object: bool,
}

impl<'m> Walk<'m> {
    /// Walks over an array or an object. Anything else has nothing inside.
    pub(crate) fn new(message: &'m [u8], outer: Span) -> Self {
        let bracket = outer.of(message).first();
        let is_object = bracket == Some(&b'{');
        Self { message, at: (is_object || bracket == Some(&b'[')).then_some(outer.start() + 1), is_object }
    }

    /// Walks over the elements of an array from the one that begins at `start` on.
    pub(crate) const fn from(message: &'m [u8], start: usize) -> Self {
        Self { message, at: Some(start), is_object: false }
    }

    /// Where the next element of an array begins, if there is one.
    pub(crate) const fn place(&self) -> Option<usize> {
        self.at
    }
}

impl Iterator for Walk<'_> {
    /// A member's name, inside its quotes, and its value; an element has an empty name.
    type Item = (Span, Span);

    // Several places walk, and once in an image is enough.
    #[inline(never)]
    fn next(&mut self) -> Option<(Span, Span)> {
        let mut start = self.at?;
        let mut name = Span::default();
        if self.is_object {
            let quoted = value(self.message, start)?;
            name = quoted.inside();
            start = quoted.end() + 1;
        }
        let value = value(self.message, start)?;
        self.at = (self.message.get(value.end()) == Some(&b',')).then_some(value.end() + 1);
        Some((name, value))
    }
}

/// The value that begins at `start`; none at a closing bracket.
fn value(message: &[u8], start: usize) -> Option<Span> {
    let bytes = message.get(start..)?;
    let length = match bytes.first()? {
        b'"' => string_length(bytes),
        b'{' | b'[' => nested_length(bytes),
        b'}' | b']' => return None,
        _ => bytes.iter().position(|byte| matches!(byte, b',' | b'}' | b']'))?,
    };
    Some(Span::new(start, start + length))
}

/// The length of the string, with its quotes, that `bytes` begins with.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(rest) = bytes.get(at..) {
        match rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            Some(stop) if rest.get(stop) == Some(&b'\\') => at += stop + 2,
            Some(stop) => return at + stop + 1,
            None => break,
        }
    }
    bytes.len()
}

/// The length of the array or object that `bytes` begins with.
fn nested_length(bytes: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(rest @ &[byte, ..]) = bytes.get(at..) {
        at += match byte {
            b'"' => string_length(rest),
            _ => 1,
        };
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return at,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    bytes.len()
}
