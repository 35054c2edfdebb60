//! For `guest-fsfreeze-status`, `-freeze`, `-freeze-list` and `-thaw`.

use core::ffi::{c_char, c_void};

/// What the freeze family needs of a kernel: both, or there are no such commands.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct FreezeCallbacks {
    /// Brings the file system at `mountpoint`, or all if that is NULL, to a consistent state on its disk, and holds all writes back.
    /// One that is frozen already, or cannot be, is passed over. Tells at `*count` how many were frozen. After an error,
    /// `thaw` is called.
    pub freeze: Option<
        unsafe extern "C" fn(context: *mut c_void, mountpoint: *const c_char, count: *mut usize) -> *const c_char,
    >,
    /// Lets the writes to all file systems go on. Tells at `*count` how many were frozen.
    pub thaw: Option<unsafe extern "C" fn(context: *mut c_void, count: *mut usize) -> *const c_char>,
}
