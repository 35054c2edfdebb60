//! `guest-suspend-disk`, `guest-suspend-ram` and `guest-suspend-hybrid`.

use nanoqga::Failure;
use nanoqga::commands::suspend::{self, Sleep};

use super::add;
use crate::agent::Nanoqga;
use crate::callbacks::suspend::SuspendCallbacks;
use crate::guest::{Family, Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::outcome;

/// Adds the suspend family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_suspend(agent: *mut Nanoqga, callbacks: *const SuspendCallbacks) -> Status {
    let is_there =
        |callbacks: &SuspendCallbacks| [callbacks.disk.is_some(), callbacks.hybrid.is_some(), callbacks.ram.is_some()];
    // SAFETY: The caller's promise.
    unsafe {
        add(
            agent,
            Family::Suspend,
            callbacks,
            const { &[suspend::disk_commands(), suspend::ram_commands()] },
            is_there,
            |guest| &mut guest.suspend,
        )
    }
}

impl suspend::Suspend for Guest {
    fn suspend(&mut self, how: Sleep) -> Result<(), Failure> {
        let callback = match how {
            Sleep::Disk => self.suspend.disk,
            Sleep::Ram => self.suspend.ram,
            Sleep::Hybrid => self.suspend.hybrid,
        };
        // SAFETY: The kernel's callback, with its context; what it returns is NULL or a text.
        unsafe { outcome(callback.ok_or(NO_CALLBACK)?(self.context)) }
    }
}
