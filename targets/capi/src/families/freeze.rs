//! `guest-fsfreeze-status`, `-freeze`, `-freeze-list` and `-thaw`.

use core::ffi::c_char;
use core::ptr;

use nanoqga::commands::fsfreeze;
use nanoqga::{Cause, Failure, List, Text};

use super::add;
use crate::agent::Nanoqga;
use crate::callbacks::freeze::FreezeCallbacks;
use crate::guest::{Family, Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{outcome_with, with_c};

/// Adds the freeze family: guest-fsfreeze-status, -freeze, -freeze-list and -thaw. Between freeze and thaw only commands that
/// write nothing are enabled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_freeze(agent: *mut Nanoqga, callbacks: *const FreezeCallbacks) -> Status {
    let is_there = |callbacks: &FreezeCallbacks| [callbacks.freeze.is_some() && callbacks.thaw.is_some(); 4];
    // SAFETY: The caller's promise.
    unsafe {
        add(agent, Family::Freeze, callbacks, const { &[fsfreeze::commands()] }, is_there, |guest| &mut guest.freeze)
    }
}

impl Guest {
    /// Freezes the file system at `mountpoint`, a text of C's, or all if that is NULL.
    fn freeze_at(&self, mountpoint: *const c_char, cause: &mut Cause) -> Result<usize, Failure> {
        let mut count = 0;
        let freeze = self.freeze.freeze.ok_or(NO_CALLBACK)?;
        // SAFETY: The kernel's callback, with its context, which may write the count; what it returns is NULL or a text.
        unsafe { outcome_with(freeze(self.context, mountpoint, &raw mut count), cause) }?;
        Ok(count)
    }
}

impl fsfreeze::Freeze for Guest {
    fn freeze(&mut self, mountpoints: Option<List<'_, Text<'_>>>, cause: &mut Cause) -> Result<usize, Failure> {
        let frozen = match mountpoints {
            None => self.freeze_at(ptr::null(), cause),
            Some(mountpoints) => mountpoints.iter().try_fold(0usize, |count, mountpoint| {
                Ok(count.saturating_add(with_c(mountpoint, |mountpoint| self.freeze_at(mountpoint, cause))?))
            }),
        };
        if frozen.is_err() {
            // The client is told why the file system is not frozen. Why others stay frozen would hide that.
            let _ = self.thaw(&mut Cause::new());
        }
        frozen
    }

    fn thaw(&mut self, cause: &mut Cause) -> Result<usize, Failure> {
        let mut count = 0;
        let thaw = self.freeze.thaw.ok_or(NO_CALLBACK)?;
        // SAFETY: The kernel's callback, with its context, which may write the count; what it returns is NULL or a text.
        unsafe { outcome_with(thaw(self.context, &raw mut count), cause) }?;
        Ok(count)
    }
}
