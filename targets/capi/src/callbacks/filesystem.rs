//! For `guest-get-fsinfo` and `guest-fstrim`.

use core::ffi::{c_char, c_void};
use core::ptr;

use crate::flag::Flag;

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
