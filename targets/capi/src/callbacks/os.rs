//! For `guest-get-osinfo`, `guest-get-host-name` and `guest-get-timezone`.

use core::ffi::{c_char, c_void};
use core::ptr;

/// What runs in the guest. What stays NULL is not told.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OsInfo {
    /// The kernel's release, as `uname -r` tells it.
    pub kernel_release: *const c_char,
    /// The kernel's version, as `uname -v` tells it.
    pub kernel_version: *const c_char,
    /// The machine's architecture, as `uname -m` tells it: "x86_64", "aarch64", "riscv64".
    pub machine: *const c_char,
    /// The operating system's name in lower case, without spaces.
    pub id: *const c_char,
    /// The operating system's name.
    pub name: *const c_char,
    /// The operating system's name with its version.
    pub pretty_name: *const c_char,
    /// The operating system's version in words.
    pub version: *const c_char,
    /// The operating system's version as a number.
    pub version_id: *const c_char,
    /// The edition's name.
    pub variant: *const c_char,
    /// The edition's name in lower case, without spaces.
    pub variant_id: *const c_char,
}

impl Default for OsInfo {
    fn default() -> Self {
        let none = ptr::null();
        Self {
            kernel_release: none,
            kernel_version: none,
            machine: none,
            id: none,
            name: none,
            pretty_name: none,
            version: none,
            version_id: none,
            variant: none,
            variant_id: none,
        }
    }
}

/// What the os family needs of a kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct OsCallbacks {
    /// For guest-get-osinfo: fills in `info`, which is all NULL before.
    pub os_info: Option<unsafe extern "C" fn(context: *mut c_void, info: *mut OsInfo) -> *const c_char>,
    /// For guest-get-host-name: points `*name` to the guest's name in its network.
    pub host_name: Option<unsafe extern "C" fn(context: *mut c_void, name: *mut *const c_char) -> *const c_char>,
    /// For guest-get-timezone: tells the seconds east of UTC at `*offset`, and points `*zone` to the zone's name, or leaves it
    /// NULL.
    pub timezone:
        Option<unsafe extern "C" fn(context: *mut c_void, offset: *mut i32, zone: *mut *const c_char) -> *const c_char>,
}
