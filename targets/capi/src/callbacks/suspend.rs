//! For `guest-suspend-disk`, `guest-suspend-ram` and `guest-suspend-hybrid`.

use core::ffi::{c_char, c_void};

/// What the suspend family needs of a kernel. A host gets no reply to these commands unless they fail.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SuspendCallbacks {
    /// For guest-suspend-disk: the state goes to a disk, and the machine goes off.
    pub disk: Option<unsafe extern "C" fn(context: *mut c_void) -> *const c_char>,
    /// For guest-suspend-ram: the state stays in memory (ACPI S3).
    pub ram: Option<unsafe extern "C" fn(context: *mut c_void) -> *const c_char>,
    /// For guest-suspend-hybrid: both; the machine sleeps as long as its power lasts.
    pub hybrid: Option<unsafe extern "C" fn(context: *mut c_void) -> *const c_char>,
}
