//! Looking into a stored message: the members of an object, the elements of an array.
//!
//! What the scanner stored is compact, valid JSON, so values are skipped without checking them again.

use super::Span;

/// A stored message with a hole: a value that is skipped without a look, because it is long, or no JSON any more since it
/// was decoded in place.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'m> {
    /// The message and whatever lies behind it.
    pub bytes: &'m [u8],
    /// The hole; none if it is empty.
    pub hole: Span,
}

impl<'m> Stored<'m> {
    /// The bytes of `span`.
    #[must_use]
    pub fn get(self, span: Span) -> &'m [u8] {
        span.of(self.bytes)
    }

    /// The members of an object, in order: the spans of name (inside its quotes) and value. Anything else has none.
    pub fn members(self, object: Span) -> impl Iterator<Item = (Span, Span)> + use<'m> {
        let mut at = self.opening(object, b'{');
        core::iter::from_fn(move || {
            let name = self.value(at?)?;
            let value = self.value(name.end() + 1)?;
            at = self.next(value.end());
            Some((name.inside(), value))
        })
    }

    /// The elements of an array, in order. Anything else has none.
    pub fn elements(self, array: Span) -> impl Iterator<Item = Span> + use<'m> {
        let mut at = self.opening(array, b'[');
        core::iter::from_fn(move || {
            let (value, next) = self.element_at(at?)?;
            at = Some(next);
            Some(value)
        })
    }

    /// The element that begins at `start`, if it is one, and where the one after it would begin.
    #[must_use]
    pub fn element_at(self, start: usize) -> Option<(Span, usize)> {
        let value = self.value(start)?;
        // At the end that is the closing bracket, which begins no value.
        Some((value, self.next(value.end()).unwrap_or(value.end())))
    }

    /// The first of an object's first `count` members that has this name: which one it is, and its value.
    #[must_use]
    pub fn find(self, object: Span, count: usize, name: &[u8]) -> Option<(usize, Span)> {
        let mut members = self.members(object).take(count).enumerate();
        let (index, (_, value)) = members.find(|(_, (found, _))| self.get(*found) == name)?;
        Some((index, value))
    }

    /// Whether one of an object's first `count` members comes twice.
    #[must_use]
    pub fn has_duplicates(self, object: Span, count: usize) -> bool {
        self.members(object)
            .enumerate()
            .any(|(index, (name, _))| self.find(object, count, self.get(name)).is_some_and(|(first, _)| first != index))
    }

    /// Where the first value inside a bracket begins.
    fn opening(self, outer: Span, bracket: u8) -> Option<usize> {
        (self.get(outer).first() == Some(&bracket)).then_some(outer.start() + 1)
    }

    /// Where the value after one that ended at `end` begins.
    fn next(self, end: usize) -> Option<usize> {
        (self.bytes.get(end) == Some(&b',')).then_some(end + 1)
    }

    /// The value that begins at `start`.
    fn value(self, start: usize) -> Option<Span> {
        // Nothing looked for begins where an empty one does, at the outermost bracket.
        if self.hole.start() == start {
            return Some(self.hole);
        }
        let bytes = self.bytes.get(start..)?;
        let length = match bytes.first()? {
            b'"' => string_length(bytes),
            b'{' | b'[' => nested_length(bytes),
            b'}' | b']' => return None,
            _ => bytes.iter().position(|byte| matches!(byte, b',' | b'}' | b']'))?,
        };
        Some(Span::new(start, start + length))
    }
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
