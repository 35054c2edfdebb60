//! The system's name.

use rustix::system::sethostname;

use crate::guest::errno::text;
use crate::guest::system;

/// Gives the system the name in `/etc/hostname`, if there is one: else the kernel's own is `(none)`.
pub(super) fn set() {
    if let Some(name) = system::read_line("/etc/hostname")
        && let Err(error) = sethostname(name.as_bytes())
    {
        warning!("the system cannot be called {name}: {}", text(error));
    }
}
