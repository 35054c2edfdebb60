//! Strings, numbers and booleans as parameters.

use super::path::Path;
use super::text::Text;
use super::value::{Parameter, Value};
use crate::error::Error;
use crate::json::Span;

impl Text<'_> {
    /// Which of an enumeration's values the string names.
    ///
    /// # Errors
    /// [`Error::Variant`] if it names none of them.
    pub fn one_of<T: Copy>(&self, values: &[(&str, T)]) -> Result<T, Error> {
        let named = values.iter().find(|(name, _)| *self == **name);
        // Its value begins with a quote.
        let path = Path::to(Span::new(self.span().start().saturating_sub(1), self.span().end()));
        named.map(|(_, value)| *value).ok_or(Error::Variant(path, self.span()))
    }
}

impl<'m> Parameter<'m> for Text<'m> {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        if value.begins_with(b'"') {
            Ok(Self::new(value.message, value.span.inside()))
        } else {
            Err(value.type_error("string"))
        }
    }
}

/// A string of at most `N` bytes, decoded.
impl<'m, const N: usize> Parameter<'m> for heapless::String<N> {
    fn decode(value: Value<'m>) -> Result<Self, Error> {
        let mut string = Self::new();
        let mut characters = Text::decode(value)?.chars();
        match characters.try_for_each(|character| string.push(character)) {
            Ok(()) => Ok(string),
            Err(_) => Err(Error::TooLong(value.path(), N)),
        }
    }
}

impl Parameter<'_> for bool {
    fn decode(value: Value<'_>) -> Result<Self, Error> {
        match value.json() {
            b"true" => Ok(true),
            b"false" => Ok(false),
            _ => Err(value.type_error("boolean")),
        }
    }
}

impl Parameter<'_> for i64 {
    // Many commands have such a parameter, and once in an image is enough.
    #[inline(never)]
    fn decode(value: Value<'_>) -> Result<Self, Error> {
        serde_json_core::from_slice(value.json()).map_or(Err(value.type_error("integer")), |(number, _)| Ok(number))
    }
}

impl Parameter<'_> for u64 {
    fn decode(value: Value<'_>) -> Result<Self, Error> {
        serde_json_core::from_slice(value.json())
            .map_or(Err(Error::Range(value.path(), "uint64")), |(number, _)| Ok(number))
    }
}

/// Names of types are those of QEMU's texts.
macro_rules! narrower {
    ($($type:ty: $name:literal),*) => {$(
        impl Parameter<'_> for $type {
            fn decode(value: Value<'_>) -> Result<Self, Error> {
                Self::try_from(i64::decode(value)?).map_err(|_| Error::Range(value.path(), $name))
            }
        }
    )*};
}

narrower!(i8: "int8_t", i16: "int16_t", i32: "int32_t", u8: "uint8_t", u16: "uint16_t", u32: "uint32_t");

/// A number, as near as an `f64` comes to it.
#[cfg(feature = "float")]
#[cfg_attr(docsrs, doc(cfg(feature = "float")))]
impl Parameter<'_> for f64 {
    fn decode(value: Value<'_>) -> Result<Self, Error> {
        let json = value.json();
        let number = match json.first() {
            Some(b'-' | b'0'..=b'9') => core::str::from_utf8(json).ok().and_then(|json| json.parse::<Self>().ok()),
            _ => None,
        };
        let number = number.ok_or(value.type_error("number"))?;
        if number.is_finite() { Ok(number) } else { Err(Error::Range(value.path(), "a finite number")) }
    }
}
