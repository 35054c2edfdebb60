//! A C `bool` that C writes.

/// C's `bool`. Rust's own would be undefined behaviour where C has put anything but 0 and 1.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Flag(u8);

impl Flag {
    /// What it says.
    #[must_use]
    pub const fn is_set(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Flag {
    fn from(set: bool) -> Self {
        Self(set.into())
    }
}
