//! Looking into a stored message: the members of an object.
//!
//! What the scanner stored is compact, valid JSON, so values are skipped without checking them again.

/// The members of a stored object, in order: name (between its quotes, with its escapes) and value.
#[derive(Clone, Copy, Debug)]
pub struct Members<'m> {
    rest: &'m [u8],
}

impl<'m> Members<'m> {
    /// The members of `object`, from brace to brace. Anything else has none.
    #[must_use]
    pub fn of(object: &'m [u8]) -> Self {
        Self { rest: inside(object, b'{', b'}') }
    }
}

impl<'m> Iterator for Members<'m> {
    type Item = (&'m [u8], &'m [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = split_value(self.rest)?;
        let (value, rest) = split_value(rest.strip_prefix(b":")?)?;
        self.rest = rest.strip_prefix(b",").unwrap_or(rest);
        Some((inside(name, b'"', b'"'), value))
    }
}

/// What lies between `open` and `close`; nothing if `value` is not so enclosed.
#[must_use]
pub fn inside(value: &[u8], open: u8, close: u8) -> &[u8] {
    match value {
        [first, inner @ .., last] if (*first, *last) == (open, close) => inner,
        _ => &[],
    }
}

/// The first value of `bytes` and what follows it.
fn split_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = match bytes.first()? {
        b'"' => string_length(bytes),
        b'{' | b'[' => nested_length(bytes),
        _ => bytes.iter().position(|byte| matches!(byte, b',' | b':' | b'}' | b']')).unwrap_or(bytes.len()),
    };
    bytes.split_at_checked(length)
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
