//! How to freeze.

use alloc::string::String;

use rustix::event::Timespec;

/// What the agent was told of freezing.
#[derive(Clone, Debug)]
pub struct Freezing {
    /// The directory of the mark.
    pub state_dir: String,
    /// The program that runs before a freeze and after a thaw.
    pub hook: Option<String>,
    /// How many seconds file systems stay frozen at most, and a hook may take. 0 is no limit.
    pub seconds: u32,
}

impl Freezing {
    /// How long file systems stay frozen at most.
    pub(super) fn limit(&self) -> Option<Timespec> {
        (self.seconds > 0).then(|| Timespec { tv_sec: self.seconds.into(), tv_nsec: 0 })
    }
}
