//! For `guest-get-osinfo`, `guest-get-host-name` and `guest-get-timezone`.

use core::ffi::{c_char, c_void};
use core::ptr;

/// The operating system. Members that are NULL are not sent.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OsInfo {
    /// The kernel's release, as `uname -r` prints it.
    pub kernel_release: *const c_char,
    /// The kernel's version, as `uname -v` prints it.
    pub kernel_version: *const c_char,
    /// The machine's architecture, as `uname -m` prints it: "x86_64", "aarch64", "riscv64".
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

/// The callbacks of the os family.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct OsCallbacks {
    /// For guest-get-osinfo: fills in `info`. After an error nothing is sent of it.
    pub os_info: Option<unsafe extern "C" fn(context: *mut c_void, info: *mut OsInfo) -> *const c_char>,
    /// For guest-get-host-name: sets `*name` to the guest's name in its network.
    pub host_name: Option<unsafe extern "C" fn(context: *mut c_void, name: *mut *const c_char) -> *const c_char>,
    /// For guest-get-timezone: sets `*offset` to the seconds east of UTC, and `*zone` to the zone's name or NULL. After an error the
    /// zone is UTC.
    pub timezone:
        Option<unsafe extern "C" fn(context: *mut c_void, offset: *mut i32, zone: *mut *const c_char) -> *const c_char>,
}
