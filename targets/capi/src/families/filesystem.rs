//! `guest-get-fsinfo` and `guest-fstrim`.

use core::ffi::{c_char, c_void};
use core::ptr;

use agent_core::Failure;
use agent_core::commands::filesystem;

use super::{add, element};
use crate::agent::Nanoqga;
use crate::flag::Flag;
use crate::guest::Guest;
use crate::status::Status;
use crate::text::{from_c, outcome};

/// A number of bytes that nobody knows.
pub const NANOQGA_UNKNOWN: u64 = u64::MAX;

/// A mounted file system.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Filesystem {
    /// The name of the disk or volume.
    pub name: *const c_char,
    /// Where it is mounted.
    pub mountpoint: *const c_char,
    /// The type, such as "vfat".
    pub kind: *const c_char,
    /// How many bytes of it are in use; `NANOQGA_UNKNOWN` before.
    pub used_bytes: u64,
    /// How many bytes there are; `NANOQGA_UNKNOWN` before.
    pub total_bytes: u64,
}

impl Default for Filesystem {
    fn default() -> Self {
        let none = ptr::null();
        Self { name: none, mountpoint: none, kind: none, used_bytes: NANOQGA_UNKNOWN, total_bytes: NANOQGA_UNKNOWN }
    }
}

/// What trimming a file system came to.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Trimmed {
    /// Where it is mounted.
    pub path: *const c_char,
    /// How many bytes were given back to the disk.
    pub trimmed: u64,
    /// How many bytes free space had to have on end.
    pub minimum: u64,
    /// NULL, or why nothing was trimmed.
    pub error: *const c_char,
}

impl Default for Trimmed {
    fn default() -> Self {
        Self { path: ptr::null(), trimmed: 0, minimum: 0, error: ptr::null() }
    }
}

/// What the filesystem family needs of a kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct FilesystemCallbacks {
    /// For guest-get-fsinfo. The one that was mounted last comes first.
    pub filesystem:
        Option<unsafe extern "C" fn(context: *mut c_void, index: usize, filesystem: *mut Filesystem) -> Flag>,
    /// For guest-fstrim: gives the free space of the `index`-th file system that can be trimmed back to its disk, where it is
    /// `minimum` bytes or more on end, and fills in `trimmed`. Returns whether there are as many file systems.
    pub trim:
        Option<unsafe extern "C" fn(context: *mut c_void, index: usize, minimum: u64, trimmed: *mut Trimmed) -> Flag>,
}

/// Adds the filesystem family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_filesystem(agent: *mut Nanoqga, callbacks: *const FilesystemCallbacks) -> Status {
    let is_there = |callbacks: &FilesystemCallbacks| [callbacks.filesystem.is_some(), callbacks.trim.is_some()];
    // SAFETY: The caller's promise.
    unsafe { add(agent, callbacks, filesystem::commands(), is_there, |guest| &mut guest.filesystem) }
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
