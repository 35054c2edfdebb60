//! For `guest-get-time` and `guest-set-time`.

use core::ffi::{c_char, c_void};

/// The callbacks of the time family. Times are in nanoseconds since 1970-01-01T00:00:00Z.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeCallbacks {
    /// For guest-get-time: sets `*time` to the kernel's time.
    pub time: Option<unsafe extern "C" fn(context: *mut c_void, time: *mut i64) -> *const c_char>,
    /// For guest-set-time: sets the kernel's clock, and the machine's clock from it. `time` is in the years 1970 to 2069.
    pub set_time: Option<unsafe extern "C" fn(context: *mut c_void, time: i64) -> *const c_char>,
    /// For guest-set-time without a time: sets the kernel's clock from the machine's clock. If it is NULL, the client gets an
    /// error.
    pub set_time_from_machine: Option<unsafe extern "C" fn(context: *mut c_void) -> *const c_char>,
}
