//! `guest-shutdown`.

use nanoqga::Failure;
use nanoqga::commands::power;

use super::add;
use crate::agent::Nanoqga;
use crate::callbacks::power::{PowerCallbacks, Shutdown};
use crate::guest::{Family, Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::outcome;

/// Adds the power family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_power(agent: *mut Nanoqga, callbacks: *const PowerCallbacks) -> Status {
    let is_there = |callbacks: &PowerCallbacks| [callbacks.shutdown.is_some()];
    // SAFETY: The caller's promise.
    unsafe { add(agent, Family::Power, callbacks, const { &[power::commands()] }, is_there, |guest| &mut guest.power) }
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
