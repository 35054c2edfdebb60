//! Strings, numbers and booleans as parameters.

use super::path::Path;
use super::text::Text;
use super::value::{Parameter, Value};
use crate::error::Error;

impl Text<'_> {
    /// Which of an enumeration's values the string, the parameter at `path`, names.
    ///
    /// # Errors
    /// [`Error::Variant`] if it names none of them.
    pub fn one_of<T: Copy>(&self, path: Path, values: &[(&str, T)]) -> Result<T, Error> {
        let named = values.iter().find(|(name, _)| *self == **name);
        named.map(|(_, value)| *value).ok_or(Error::Variant(path, self.span()))
    }
}

impl<'m> Parameter<'m> for Text<'m> {
    fn decode(value: Value<'m>, path: Path) -> Result<Self, Error> {
        match value.json().first() {
            Some(b'"') => Ok(Self::new(value.stored.bytes, value.span.inside())),
            _ => Err(Error::Type(path, "string")),
        }
    }
}

/// A string of at most `N` bytes, decoded.
impl<'m, const N: usize> Parameter<'m> for heapless::String<N> {
    fn decode(value: Value<'m>, path: Path) -> Result<Self, Error> {
        let mut string = Self::new();
        let mut characters = Text::decode(value, path)?.chars();
        match characters.try_for_each(|character| string.push(character)) {
            Ok(()) => Ok(string),
            Err(_) => Err(Error::TooLong(path, N)),
        }
    }
}

macro_rules! scalar_parameter {
    ($($type:ty: $expected:literal),*) => {$(
        impl Parameter<'_> for $type {
            fn decode(value: Value<'_>, path: Path) -> Result<Self, Error> {
                match serde_json_core::from_slice(value.json()) {
                    Ok((decoded, _)) => Ok(decoded),
                    Err(_) => Err(Error::Type(path, $expected)),
                }
            }
        }
    )*};
}

scalar_parameter!(i64: "integer", u64: "uint64", bool: "boolean");
