//! What every kind of parameter is decoded from.

use super::path::Path;
use crate::error::Error;
use crate::json::Span;

/// A type that parameters have.
pub trait Parameter<'m>: Sized {
    /// Decodes the parameter.
    ///
    /// # Errors
    /// [`Error::Type`] if the value is of another type, [`Error::Range`] if it is out of range; what else the type demands.
    fn decode(value: Value<'m>) -> Result<Self, Error>;
}

/// A value of the request: stored, valid JSON.
#[derive(Clone, Copy, Debug)]
pub struct Value<'m> {
    pub(super) message: &'m [u8],
    pub(super) span: Span,
}

impl<'m> Value<'m> {
    pub(crate) const fn new(message: &'m [u8], span: Span) -> Self {
        Self { message, span }
    }

    /// The JSON text: compact, with as few escapes as can be.
    #[must_use]
    pub fn json(self) -> &'m [u8] {
        self.span.of(self.message)
    }

    /// The value's place in the arguments, for errors.
    #[must_use]
    pub const fn path(self) -> Path {
        Path::to(self.span)
    }

    /// The error that says that the value is not of the type `expected`.
    #[must_use]
    pub const fn type_error(self, expected: &'static str) -> Error {
        Error::Type(self.path(), expected)
    }

    pub(super) fn begins_with(self, byte: u8) -> bool {
        self.json().first() == Some(&byte)
    }
}
