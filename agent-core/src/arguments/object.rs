//! Objects: the arguments themselves, and objects inside them.

use super::path::Path;
use super::value::{Parameter, Value};
use crate::error::Error;
use crate::json::Span;
use crate::json::members::{MAX_MEMBERS, Members};
use crate::json::walk::Walk;

/// An object of arguments, or an object inside them.
#[derive(Clone, Debug)]
pub struct Arguments<'m> {
    message: &'m [u8],
    object: Span,
    /// The table of the members, which an object inside the arguments has not.
    table: Option<&'m Members>,
    /// Bit i: the object's i-th member has been asked for.
    asked: u32,
}

impl<'m> Arguments<'m> {
    /// A view over the stored object at `object`, or over no arguments if that is empty.
    pub(crate) const fn new(message: &'m [u8], object: Span, table: &'m Members) -> Self {
        Self { message, object, table: Some(table), asked: 0 }
    }

    /// The parameter `name`, which must be there.
    ///
    /// # Errors
    /// [`Error::Missing`], or those of its type.
    pub fn required<T: Parameter<'m>>(&mut self, name: &'static str) -> Result<T, Error> {
        self.optional(name)?.ok_or(Error::Missing(Path::to(self.object), name))
    }

    /// The parameter `name`, if it is there.
    ///
    /// # Errors
    /// Those of its type.
    pub fn optional<T: Parameter<'m>>(&mut self, name: &'static str) -> Result<Option<T>, Error> {
        self.take(name).map(T::decode).transpose()
    }

    /// Ends the view: whatever was not asked for is an error.
    ///
    /// # Errors
    /// [`Error::Unexpected`] for the first member that was not asked for.
    pub fn finish(self) -> Result<(), Error> {
        let first = self.asked.trailing_ones();
        let name = match self.table {
            Some(table) if (first as usize) < MAX_MEMBERS => table.get(first).map(|(name, _)| name),
            _ => Walk::new(self.message, self.object).nth(first as usize).map(|(name, _)| name),
        };
        name.map_or(Ok(()), |name| Err(Error::Unexpected(Path::to(self.object), name)))
    }

    /// The member `name`; it counts as asked for from now on.
    #[inline(never)]
    fn take(&mut self, name: &str) -> Option<Value<'m>> {
        let mut walk = Walk::new(self.message, self.object);
        let mut members = (0..u32::BITS).map_while(|index| match self.table {
            Some(table) => table.get(index).map(|member| (index, member)),
            None => walk.next().map(|member| (index, member)),
        });
        let (index, (_, span)) = members.find(|(_, (found, _))| found.of(self.message) == name.as_bytes())?;
        self.asked |= 1 << index;
        Some(Value::new(self.message, span))
    }
}

impl<'m> Value<'m> {
    /// The value as an object, for types that are made of members.
    ///
    /// # Errors
    /// [`Error::Type`] if it is none.
    pub fn object(self) -> Result<Arguments<'m>, Error> {
        if !self.begins_with(b'{') {
            return Err(self.type_error("object"));
        }
        Ok(Arguments { message: self.message, object: self.span, table: None, asked: 0 })
    }
}
