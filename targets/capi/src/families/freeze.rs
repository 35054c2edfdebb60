//! `guest-fsfreeze-status`, `-freeze`, `-freeze-list` and `-thaw`.

use core::ffi::c_char;
use core::ptr;

use nanoqga::commands::fsfreeze;
use nanoqga::{Failure, List, Text};

use super::add;
use crate::agent::Nanoqga;
use crate::callbacks::freeze::FreezeCallbacks;
use crate::guest::{Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{outcome, with_c};

/// Adds the freeze family: guest-fsfreeze-status, -freeze, -freeze-list and -thaw. Between freeze and thaw only commands that
/// write nothing are enabled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_freeze(agent: *mut Nanoqga, callbacks: *const FreezeCallbacks) -> Status {
    let is_there = |callbacks: &FreezeCallbacks| [callbacks.freeze.is_some() && callbacks.thaw.is_some(); 4];
    // SAFETY: The caller's promise.
    unsafe { add(agent, callbacks, fsfreeze::commands(), is_there, |guest| &mut guest.freeze) }
}

impl Guest {
    /// Freezes the file system at `mountpoint`, a text of C's, or all if that is NULL.
    fn freeze_at(&mut self, mountpoint: *const c_char) -> Result<usize, Failure> {
        let mut count = 0;
        let freeze = self.freeze.freeze.ok_or(NO_CALLBACK)?;
        // SAFETY: The kernel's callback, with its context, which may write the count; what it returns is NULL or a text.
        unsafe { outcome(freeze(self.context, mountpoint, &raw mut count)) }?;
        Ok(count)
    }
}

impl fsfreeze::Freeze for Guest {
    fn freeze(&mut self, mountpoints: Option<List<'_, Text<'_>>>) -> Result<usize, Failure> {
        let frozen = match mountpoints {
            None => self.freeze_at(ptr::null()),
            Some(mountpoints) => mountpoints.iter().try_fold(0usize, |count, mountpoint| {
                Ok(count.saturating_add(with_c(mountpoint, |mountpoint| self.freeze_at(mountpoint))?))
            }),
        };
        if frozen.is_err() {
            // The client is told why it is not frozen, and not of this.
            let _ = self.thaw();
        }
        frozen
    }

    fn thaw(&mut self) -> Result<usize, Failure> {
        let mut count = 0;
        let thaw = self.freeze.thaw.ok_or(NO_CALLBACK)?;
        // SAFETY: The kernel's callback, with its context, which may write the count; what it returns is NULL or a text.
        unsafe { outcome(thaw(self.context, &raw mut count)) }?;
        Ok(count)
    }
}
