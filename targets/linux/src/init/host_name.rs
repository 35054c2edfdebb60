//! The system's name.

use rustix::system::sethostname;

use crate::system::errno::text;
use crate::system::files;

/// Gives the system the name in `/etc/hostname`, if there is one: else the kernel's own is `(none)`.
pub(super) fn set() {
    if let Some(name) = files::read_line("/etc/hostname")
        && let Err(error) = sethostname(name.as_bytes())
    {
        warning!("the system cannot be called {name}: {}", text(error));
    }
}
