//! `guest-suspend-disk`, `guest-suspend-ram` and `guest-suspend-hybrid`.

use core::ffi::{c_char, c_void};

use agent_core::Failure;
use agent_core::commands::suspend::{self, Sleep};

use super::add;
use crate::agent::Nanoqga;
use crate::guest::{Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::outcome;

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

/// Adds the suspend family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_suspend(agent: *mut Nanoqga, callbacks: *const SuspendCallbacks) -> Status {
    let is_there =
        |callbacks: &SuspendCallbacks| [callbacks.disk.is_some(), callbacks.ram.is_some(), callbacks.hybrid.is_some()];
    // SAFETY: The caller's promise.
    unsafe { add(agent, callbacks, suspend::commands(), is_there, |guest| &mut guest.suspend) }
}

impl suspend::Suspend for Guest {
    fn suspend(&mut self, how: Sleep) -> Result<(), Failure> {
        let callback = match how {
            Sleep::Disk => self.suspend.disk,
            Sleep::Ram => self.suspend.ram,
            Sleep::Hybrid => self.suspend.hybrid,
        };
        // SAFETY: The kernel's callback, with its context; what it returns is NULL or a text.
        unsafe { outcome(callback.ok_or(NO_CALLBACK)?(self.context)) }
    }
}
