//! The first process of a system: what a kernel expects of it, and nothing more.

use agent_core::commands::power::Shutdown;
use rustix::process::{WaitOptions, wait};

use crate::guest::Guest;
use crate::options::Options;

/// The system that this process is the first of.
#[derive(Debug)]
pub struct Init;

impl Init {
    /// Makes the system fit for programs.
    #[must_use]
    pub fn start(_options: &Options) -> Self {
        Self
    }

    /// Takes in which processes have ended.
    pub fn reap(&mut self, guest: &mut Guest) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            guest.ended(pid, status);
        }
    }

    /// Takes the machine down.
    pub fn go_down(&mut self, how: Shutdown) {
        rustix::fs::sync();
        let how = match how {
            Shutdown::Halt => libc::RB_HALT_SYSTEM,
            Shutdown::PowerDown => libc::RB_POWER_OFF,
            Shutdown::Reboot => libc::RB_AUTOBOOT,
        };
        // SAFETY: It takes no memory of ours.
        unsafe { libc::reboot(how) };
    }
}
