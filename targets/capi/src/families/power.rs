//! `guest-shutdown`.

use core::ffi::{c_char, c_void};

use agent_core::Failure;
use agent_core::commands::power;

use super::add;
use crate::agent::Nanoqga;
use crate::guest::{Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::outcome;

/// How a guest goes down.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum Shutdown {
    /// The machine goes off.
    PowerDown,
    /// The machine starts again.
    Reboot,
    /// Everything stops; the machine stays on.
    Halt,
}

/// What the power family needs of a kernel.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct PowerCallbacks {
    /// For guest-shutdown: goes down. It need not return; if it returns NULL, the host gets no reply.
    pub shutdown: Option<unsafe extern "C" fn(context: *mut c_void, how: Shutdown) -> *const c_char>,
}

/// Adds the power family. What all nanoqga_add_... have in common is said at the top of this file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_power(agent: *mut Nanoqga, callbacks: *const PowerCallbacks) -> Status {
    let is_there = |callbacks: &PowerCallbacks| [callbacks.shutdown.is_some()];
    // SAFETY: The caller's promise.
    unsafe { add(agent, callbacks, power::commands(), is_there, |guest| &mut guest.power) }
}

impl power::Power for Guest {
    fn shutdown(&mut self, how: power::Shutdown) -> Result<(), Failure> {
        let how = match how {
            power::Shutdown::PowerDown => Shutdown::PowerDown,
            power::Shutdown::Reboot => Shutdown::Reboot,
            power::Shutdown::Halt => Shutdown::Halt,
        };
        let shutdown = self.power.shutdown.ok_or(NO_CALLBACK)?;
        // SAFETY: The kernel's callback, with its context; what it returns is NULL or a text.
        unsafe { outcome(shutdown(self.context, how)) }
    }
}
