//! `guest-get-fsinfo` and `guest-fstrim`.

use nanoqga::Failure;
use nanoqga::commands::filesystem;

use super::{add, element};
use crate::agent::Nanoqga;
use crate::callbacks::filesystem::{Filesystem, FilesystemCallbacks, NANOQGA_UNKNOWN, Trimmed};
use crate::guest::{Family, Guest};
use crate::status::Status;
use crate::text::{from_c, outcome};

/// Adds the filesystem family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_filesystem(agent: *mut Nanoqga, callbacks: *const FilesystemCallbacks) -> Status {
    let is_there = |callbacks: &FilesystemCallbacks| [callbacks.filesystem.is_some(), callbacks.trim.is_some()];
    // SAFETY: The caller's promise.
    unsafe {
        add(
            agent,
            Family::Filesystem,
            callbacks,
            const { &[filesystem::commands(), filesystem::trim_commands()] },
            is_there,
            |guest| &mut guest.filesystem,
        )
    }
}

impl filesystem::FileSystems for Guest {
    fn file_system(&mut self, index: usize) -> Result<Option<filesystem::FileSystem<'_>>, Failure> {
        let known = |bytes| (bytes != NANOQGA_UNKNOWN).then_some(bytes);
        // SAFETY: The kernel's callback, with its context.
        let found = unsafe { element(self.filesystem.filesystem, self.context, index) };
        Ok(found.map(|Filesystem { name, mountpoint, kind, used_bytes, total_bytes }| {
            // SAFETY: The callback has left each NULL or set it to a text.
            let [name, mountpoint, kind] =
                [name, mountpoint, kind].map(|text| unsafe { from_c(text) }.unwrap_or_default());
            filesystem::FileSystem {
                name,
                mountpoint,
                kind,
                used_bytes: known(used_bytes),
                total_bytes: known(total_bytes),
                total_bytes_privileged: None,
            }
        }))
    }
}

impl filesystem::Trimming for Guest {
    fn trim(&mut self, index: usize, minimum: u64) -> Result<Option<filesystem::Trimmed<'_>>, Failure> {
        let Some(trim) = self.filesystem.trim else { return Ok(None) };
        let mut trimmed = Trimmed::default();
        // SAFETY: The kernel's callback, with its context, which may write the outcome; its texts are then NULL or texts.
        unsafe {
            let there = trim(self.context, index, minimum, &raw mut trimmed);
            let Trimmed { path, trimmed, minimum, error } = trimmed;
            let outcome = outcome(error).map(|()| filesystem::Trim { trimmed, minimum });
            let path = from_c(path).unwrap_or_default();
            Ok(there.is_set().then_some(filesystem::Trimmed { path, outcome }))
        }
    }
}
