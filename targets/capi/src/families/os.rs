//! `guest-get-osinfo`, `guest-get-host-name` and `guest-get-timezone`.

use core::ffi::{c_char, c_void};
use core::ptr;

use agent_core::Failure;
use agent_core::commands::os;

use super::add;
use crate::agent::Nanoqga;
use crate::guest::{Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{from_c, outcome};

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

/// Adds the os family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_os(agent: *mut Nanoqga, callbacks: *const OsCallbacks) -> Status {
    let is_there = |callbacks: &OsCallbacks| {
        [callbacks.os_info.is_some(), callbacks.host_name.is_some(), callbacks.timezone.is_some()]
    };
    // SAFETY: The caller's promise.
    unsafe { add(agent, callbacks, os::commands(), is_there, |guest| &mut guest.os) }
}

impl os::Os for Guest {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        let mut info = OsInfo::default();
        // SAFETY: The kernel's callback, with its context, which may write the information; all that is in it is then NULL or a
        // text.
        unsafe {
            if let Some(fill) = self.os.os_info
                && !fill(self.context, &raw mut info).is_null()
            {
                // There is no error for this command: nothing is known, then.
                return os::OsInfo::default();
            }
            os::OsInfo {
                kernel_release: from_c(info.kernel_release),
                kernel_version: from_c(info.kernel_version),
                machine: from_c(info.machine),
                id: from_c(info.id),
                name: from_c(info.name),
                pretty_name: from_c(info.pretty_name),
                version: from_c(info.version),
                version_id: from_c(info.version_id),
                variant: from_c(info.variant),
                variant_id: from_c(info.variant_id),
            }
        }
    }

    fn host_name(&mut self) -> Result<&str, Failure> {
        let mut name = ptr::null();
        // SAFETY: The kernel's callback, with its context, which may write the name, a text; what it returns is NULL or one.
        unsafe {
            outcome(self.os.host_name.ok_or(NO_CALLBACK)?(self.context, &raw mut name))?;
            from_c(name).ok_or(Failure("the guest has no name"))
        }
    }

    fn timezone(&mut self) -> os::Timezone<'_> {
        let (mut offset, mut zone) = (0, ptr::null());
        // SAFETY: The kernel's callback, with its context, which may write both, the zone as a text.
        unsafe {
            match self.os.timezone {
                Some(tell) if tell(self.context, &raw mut offset, &raw mut zone).is_null() => {
                    os::Timezone { zone: from_c(zone), offset }
                }
                _ => os::Timezone { zone: Some("UTC"), offset: 0 },
            }
        }
    }
}
