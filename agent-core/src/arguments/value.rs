//! What every kind of parameter is decoded from.

use super::path::Path;
use crate::error::Error;
use crate::json::Span;
use crate::json::members::Stored;

/// A type that parameters have.
pub trait Parameter<'m>: Sized {
    /// The value of the parameter at `path`.
    ///
    /// # Errors
    /// [`Error::Type`] if the value is of another type or out of range; what else the type demands.
    fn decode(value: Value<'m>, path: Path) -> Result<Self, Error>;
}

/// Stored, valid JSON.
#[derive(Clone, Copy, Debug)]
pub struct Value<'m> {
    pub(super) stored: Stored<'m>,
    pub(super) span: Span,
}

impl<'m> Value<'m> {
    pub(crate) const fn new(stored: Stored<'m>, span: Span) -> Self {
        Self { stored, span }
    }

    /// The JSON text: compact, with as few escapes as can be.
    #[must_use]
    pub fn json(&self) -> &'m [u8] {
        self.stored.get(self.span)
    }
}
