//! For `guest-fsfreeze-status`, `-freeze`, `-freeze-list` and `-thaw`.

use core::ffi::{c_char, c_void};

/// The callbacks of the freeze family. None of its commands exists unless both are there.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct FreezeCallbacks {
    /// Brings the file system at `mountpoint`, or all of them if that is NULL, to a consistent state on disk, and holds back writes
    /// to it. Skips a file system that is frozen already, or cannot be frozen. Sets `*count` to how many were frozen. After an
    /// error, the agent calls `thaw`.
    pub freeze: Option<
        unsafe extern "C" fn(context: *mut c_void, mountpoint: *const c_char, count: *mut usize) -> *const c_char,
    >,
    /// Allows writes to all file systems again. Sets `*count` to how many were frozen.
    pub thaw: Option<unsafe extern "C" fn(context: *mut c_void, count: *mut usize) -> *const c_char>,
}
