//! A parameter's place in the arguments, for messages.

use core::fmt;

/// What a nested parameter is inside of: a member of this name, or the element of the list of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    pub(super) name: &'static str,
    pub(super) index: Option<usize>,
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.index.map_or(Ok(()), |index| write!(f, "[{index}]"))
    }
}

/// A parameter's place in the arguments, for messages: `name`, `list[1]`, `list[1].name` or `outer.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    pub(super) parent: Option<Parent>,
    /// Empty for an element of a list.
    pub(super) name: &'static str,
}

impl Path {
    /// The place of what is known to be right.
    pub(crate) const NOWHERE: Self = Self { parent: None, name: "" };
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parent {
            None => f.write_str(self.name),
            Some(parent) if self.name.is_empty() => parent.fmt(f),
            Some(parent) => write!(f, "{parent}.{}", self.name),
        }
    }
}
