//! `guest-get-time` and `guest-set-time`.

use nanoqga::Failure;
use nanoqga::commands::time;

use super::add;
use crate::agent::Nanoqga;
use crate::callbacks::time::TimeCallbacks;
use crate::guest::{Family, Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::outcome;

/// Adds the time family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_time(agent: *mut Nanoqga, callbacks: *const TimeCallbacks) -> Status {
    let is_there = |callbacks: &TimeCallbacks| [callbacks.time.is_some(), callbacks.set_time.is_some()];
    // SAFETY: The caller's promise.
    unsafe {
        add(agent, Family::Time, callbacks, const { &[time::commands(), time::set_commands()] }, is_there, |guest| {
            &mut guest.time
        })
    }
}

impl time::Clock for Guest {
    fn time(&mut self) -> Result<i64, Failure> {
        let mut time = 0;
        // SAFETY: The kernel's callback, with its context, which may write the time; what it returns is NULL or a text.
        unsafe { outcome(self.time.time.ok_or(NO_CALLBACK)?(self.context, &raw mut time)) }?;
        Ok(time)
    }
}

impl time::SetClock for Guest {
    fn set_time(&mut self, time: i64) -> Result<(), Failure> {
        // SAFETY: The kernel's callback, with its context; what it returns is NULL or a text.
        unsafe { outcome(self.time.set_time.ok_or(NO_CALLBACK)?(self.context, time)) }
    }

    fn set_time_from_machine(&mut self) -> Result<(), Failure> {
        let set = self.time.set_time_from_machine.ok_or(Failure("the machine has no clock to set the time from"))?;
        // SAFETY: As above.
        unsafe { outcome(set(self.context)) }
    }
}
