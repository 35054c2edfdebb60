//! For `guest-suspend-disk`, `guest-suspend-ram` and `guest-suspend-hybrid`.

use core::ffi::{c_char, c_void};

/// The callbacks of the suspend family. The host gets no reply unless a command fails.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SuspendCallbacks {
    /// For guest-suspend-disk: saves the state on a disk, and switches the machine off.
    pub disk: Option<unsafe extern "C" fn(context: *mut c_void) -> *const c_char>,
    /// For guest-suspend-ram: the state stays in memory (ACPI S3).
    pub ram: Option<unsafe extern "C" fn(context: *mut c_void) -> *const c_char>,
    /// For guest-suspend-hybrid: the state stays in memory, and is saved on a disk in case that memory loses power.
    pub hybrid: Option<unsafe extern "C" fn(context: *mut c_void) -> *const c_char>,
}
