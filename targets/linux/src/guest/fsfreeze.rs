//! `fsfreeze`: file systems that hold still, from the one that was mounted last to the first, since a file system may be on
//! another.

use core::ffi::CStr;

use nanoqga::commands::fsfreeze::Freeze;
use nanoqga::{Cause, Failure, List, Text};

use super::Guest;
use crate::system::errno::failed;
use crate::system::file_systems::{freeze, thaw};
use crate::system::mounts::{Mount, mounts};
use crate::system::{hook, state};

impl Freeze for Guest {
    fn freeze(&mut self, mountpoints: Option<List<'_, Text<'_>>>, cause: &mut Cause) -> Result<usize, Failure> {
        self.run_hook(c"freeze", cause)?;
        let mounts = mounts()?;
        // Before anything is frozen: the mark may lie on what will be.
        self.set_frozen(true)?;
        let wanted =
            |mount: &Mount| mountpoints.is_none_or(|points| points.iter().any(|point| point == *mount.name.as_str()));
        let mut count = 0;
        for mount in mounts.iter().rev().filter(|mount| wanted(mount)) {
            match freeze(mount, cause) {
                Ok(frozen) => count += usize::from(frozen),
                Err(failure) => {
                    // The failure to freeze is what the client is told.
                    let _ = self.thaw(&mut Cause::new());
                    return Err(failure);
                }
            }
        }
        if count == 0 {
            self.set_frozen(false)?;
        }
        Ok(count)
    }

    fn thaw(&mut self, cause: &mut Cause) -> Result<usize, Failure> {
        let count = mounts()?.iter().filter(|mount| thaw(mount)).count();
        self.set_frozen(false)?;
        self.run_hook(c"thaw", cause)?;
        Ok(count)
    }
}

impl Guest {
    fn set_frozen(&mut self, frozen: bool) -> Result<(), Failure> {
        state::mark_frozen(&self.options.state_dir, frozen)
            .map_err(|error| failed("failed to mark file systems as frozen", error))?;
        self.frozen = frozen;
        Ok(())
    }

    /// Runs the hook, if there is one, to its end: file systems must not be frozen under it.
    fn run_hook(&self, what: &CStr, cause: &mut Cause) -> Result<(), Failure> {
        self.options.fsfreeze_hook.as_ref().map_or(Ok(()), |hook| hook::run(hook, what, cause))
    }
}
