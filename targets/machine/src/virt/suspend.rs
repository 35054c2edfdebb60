//! A sleep with the memory kept, which these machines do not have: their firmware has no call for it.

use super::{Machine, PowerButton, Timer};

/// A machine's way to sleep with its memory kept.
#[derive(Debug)]
pub enum Suspend {}

impl Suspend {
    /// There is none.
    pub const fn find(_: &Machine) -> Option<Self> {
        None
    }

    /// Nobody has what this would be called with.
    pub const fn sleep(&self, _: &Machine, _: Option<&Timer>, _: Option<&PowerButton>) {
        match *self {}
    }
}
