//! For `guest-get-fsinfo` and `guest-fstrim`.

use core::ffi::{c_char, c_void};
use core::ptr;

use crate::flag::Flag;

/// An unknown number of bytes.
pub const NANOQGA_UNKNOWN: u64 = u64::MAX;

/// A mounted file system.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Filesystem {
    /// The name of its disk or volume.
    pub name: *const c_char,
    /// Where it is mounted.
    pub mountpoint: *const c_char,
    /// The type, such as "vfat".
    pub kind: *const c_char,
    /// Bytes in use; `NANOQGA_UNKNOWN` before.
    pub used_bytes: u64,
    /// Size in bytes; `NANOQGA_UNKNOWN` before.
    pub total_bytes: u64,
}

impl Default for Filesystem {
    fn default() -> Self {
        let none = ptr::null();
        Self { name: none, mountpoint: none, kind: none, used_bytes: NANOQGA_UNKNOWN, total_bytes: NANOQGA_UNKNOWN }
    }
}

/// The result of trimming a file system.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Trimmed {
    /// Where it is mounted.
    pub path: *const c_char,
    /// Bytes that were given back to the disk.
    pub trimmed: u64,
    /// Smallest free extent that was trimmed, in bytes.
    pub minimum: u64,
    /// NULL, or an error: why nothing was trimmed.
    pub error: *const c_char,
}

impl Default for Trimmed {
    fn default() -> Self {
        Self { path: ptr::null(), trimmed: 0, minimum: 0, error: ptr::null() }
    }
}

/// The callbacks of the filesystem family.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct FilesystemCallbacks {
    /// For guest-get-fsinfo. The file system that was mounted last comes first.
    pub filesystem:
        Option<unsafe extern "C" fn(context: *mut c_void, index: usize, filesystem: *mut Filesystem) -> Flag>,
    /// For guest-fstrim: gives free extents of at least `minimum` bytes of the `index`-th file system back to its disk, and fills in
    /// `trimmed`. Only file systems that can be trimmed count.
    pub trim:
        Option<unsafe extern "C" fn(context: *mut c_void, index: usize, minimum: u64, trimmed: *mut Trimmed) -> Flag>,
}
