//! Objects: the arguments themselves, and objects inside them.

use super::path::{Parent, Path};
use super::value::{Parameter, Value};
use crate::error::Error;
use crate::json::Span;
use crate::json::members::Stored;
use crate::json::scanner::Problem;

/// Of this many first members none may come twice. No command has as many, so a later one is unexpected anyway.
pub(crate) const MAX_MEMBERS: usize = 32;

/// An object of arguments, or an object inside them.
#[derive(Clone, Debug)]
pub struct Arguments<'m> {
    stored: Stored<'m>,
    object: Span,
    parent: Option<Parent>,
    /// Bit i: the object's i-th member has been asked for.
    asked: u32,
}

impl<'m> Arguments<'m> {
    /// A view over the stored object at `object`, or over no arguments if that is empty.
    pub(crate) const fn new(stored: Stored<'m>, object: Span) -> Self {
        Self { stored, object, parent: None, asked: 0 }
    }

    /// The parameter `name`, which must be there.
    ///
    /// # Errors
    /// [`Error::Missing`], or those of its type.
    pub fn required<T: Parameter<'m>>(&mut self, name: &'static str) -> Result<T, Error> {
        self.optional(name)?.ok_or(Error::Missing(Path { parent: self.parent, name }))
    }

    /// The parameter `name`, if it is there.
    ///
    /// # Errors
    /// Those of its type.
    pub fn optional<T: Parameter<'m>>(&mut self, name: &'static str) -> Result<Option<T>, Error> {
        let Some(span) = self.take(name) else { return Ok(None) };
        T::decode(Value { stored: self.stored, span }, Path { parent: self.parent, name }).map(Some)
    }

    /// Ends the view: whatever was not asked for is an error.
    ///
    /// # Errors
    /// [`Error::Unexpected`] for the first member that was not asked for.
    pub fn finish(self) -> Result<(), Error> {
        let mut asked = self.asked;
        for (name, _) in self.stored.members(self.object) {
            if asked & 1 == 0 {
                return Err(Error::Unexpected(self.parent, name));
            }
            asked >>= 1;
        }
        Ok(())
    }

    /// Where the value of the member `name` is stored.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, Span)> {
        self.stored.find(self.object, MAX_MEMBERS, name.as_bytes())
    }

    /// The same; it counts as asked for from now on.
    fn take(&mut self, name: &str) -> Option<Span> {
        let (index, value) = self.find(name)?;
        self.asked |= 1 << index;
        Some(value)
    }
}

impl<'m> Value<'m> {
    /// The value as an object, for types that are made of members.
    ///
    /// # Errors
    /// [`Error::Type`] if it is none, [`Error::Syntax`] if it has a member twice.
    pub fn object(self, path: Path) -> Result<Arguments<'m>, Error> {
        if self.json().first() != Some(&b'{') {
            return Err(Error::Type(path, "object"));
        }
        if self.stored.has_duplicates(self.span, MAX_MEMBERS) {
            return Err(Error::Syntax(Problem::DuplicateMember));
        }
        let parent = if path.name.is_empty() { path.parent } else { Some(Parent { name: path.name, index: None }) };
        Ok(Arguments { stored: self.stored, object: self.span, parent, asked: 0 })
    }
}
