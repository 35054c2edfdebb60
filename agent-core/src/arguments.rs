//! Arguments: a view over the stored `arguments` object that names what is wrong with it, as QEMU does.
//!
//! A handler asks for its parameters in the schema's order and then calls [`Arguments::finish`], which refuses what was
//! not asked for.

use core::fmt;

use crate::error::{Error, Parent};
use crate::wire::members::{Members, inside};

/// An object of arguments, or an object inside them.
#[derive(Clone, Debug)]
pub struct Arguments<'m> {
    object: &'m [u8],
    parent: Parent,
    /// Bit i: the object's i-th member has been asked for. No command has as many members.
    asked: u64,
}

/// A parameter's place in the arguments, for messages: `name`, `list[1]` or `list[1].name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    parent: Parent,
    name: &'static str,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parent {
            None => f.write_str(self.name),
            Some((list, index)) if self.name.is_empty() => write!(f, "{list}[{index}]"),
            Some((list, index)) => write!(f, "{list}[{index}].{}", self.name),
        }
    }
}

/// A type that parameters have.
pub trait Parameter<'m>: Sized {
    /// The type's name in messages, as QEMU calls it.
    const EXPECTED: &'static str;

    /// The value of stored, valid JSON; `None` if it is of another type or out of range.
    fn decode(json: &'m [u8]) -> Option<Self>;
}

impl<'m> Arguments<'m> {
    /// A view over the stored object `object`, or no arguments if it is empty.
    #[must_use]
    pub const fn new(object: &'m [u8]) -> Self {
        Self { object, parent: None, asked: 0 }
    }

    /// The parameter `name`, which must be there.
    ///
    /// # Errors
    /// [`Error::Missing`], or [`Error::Type`] if it is no `T`.
    pub fn required<T: Parameter<'m>>(&mut self, name: &'static str) -> Result<T, Error<'m>> {
        let path = self.path(name);
        self.optional(name)?.ok_or(Error::Missing(path))
    }

    /// The parameter `name`, if it is there.
    ///
    /// # Errors
    /// [`Error::Type`] if it is no `T`.
    pub fn optional<T: Parameter<'m>>(&mut self, name: &'static str) -> Result<Option<T>, Error<'m>> {
        let path = self.path(name);
        let Some(json) = self.take(name) else { return Ok(None) };
        T::decode(json).map(Some).ok_or(Error::Type(path, T::EXPECTED))
    }

    /// Ends the view: whatever was not asked for is an error.
    ///
    /// # Errors
    /// [`Error::Unexpected`] for the first member that was not asked for.
    pub fn finish(self) -> Result<(), Error<'m>> {
        let mut asked = self.asked;
        for (name, _) in Members::of(self.object) {
            if asked & 1 == 0 {
                return Err(Error::Unexpected(self.parent, Text::new(name)));
            }
            asked >>= 1;
        }
        Ok(())
    }

    const fn path(&self, name: &'static str) -> Path {
        Path { parent: self.parent, name }
    }

    /// The value of the member `name`, which from now on counts as asked for.
    fn take(&mut self, name: &str) -> Option<&'m [u8]> {
        let (index, (_, value)) =
            Members::of(self.object).take(64).enumerate().find(|(_, (found, _))| *found == name.as_bytes())?;
        self.asked |= 1 << index;
        Some(value)
    }
}

/// A string of the request: as it is stored, it may hold the escapes of a JSON string.
#[derive(Clone, Copy)]
pub struct Text<'m> {
    /// UTF-8 with JSON's shortest escapes, as the scanner stores it.
    escaped: &'m [u8],
}

impl<'m> Text<'m> {
    /// The inside of a stored string.
    #[must_use]
    pub const fn new(escaped: &'m [u8]) -> Self {
        Self { escaped }
    }

    /// The string itself, if no character of it needed an escape (`"`, `\` and control characters do).
    #[must_use]
    pub fn as_str(&self) -> Option<&'m str> {
        if self.escaped.contains(&b'\\') { None } else { core::str::from_utf8(self.escaped).ok() }
    }

    /// The characters that the string stands for.
    pub fn chars(&self) -> impl Iterator<Item = char> + use<'m> {
        let mut rest = core::str::from_utf8(self.escaped).unwrap_or_default().chars();
        core::iter::from_fn(move || match rest.next()? {
            '\\' => Some(match rest.next()? {
                'b' => '\u{08}',
                'f' => '\u{0C}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let code = rest.by_ref().take(4).try_fold(0, |code, digit| Some(code << 4 | digit.to_digit(16)?));
                    code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
                }
                other => other,
            }),
            plain => Some(plain),
        })
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.chars().try_for_each(|character| f.write_char(character))
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl<'m> Parameter<'m> for Text<'m> {
    const EXPECTED: &'static str = "string";

    fn decode(json: &'m [u8]) -> Option<Self> {
        json.starts_with(b"\"").then(|| Self::new(inside(json, b'"', b'"')))
    }
}

macro_rules! scalar_parameter {
    ($($type:ty: $expected:literal),*) => {$(
        impl Parameter<'_> for $type {
            const EXPECTED: &'static str = $expected;

            fn decode(json: &[u8]) -> Option<Self> {
                serde_json_core::from_slice(json).ok().map(|(value, _)| value)
            }
        }
    )*};
}

scalar_parameter!(i64: "integer", u64: "integer", bool: "boolean");
