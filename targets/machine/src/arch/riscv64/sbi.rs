//! Calls of the machine's firmware (RISC-V SBI 2.0, chapter 10).

use sbi_rt::{ColdReboot, NoReason, Shutdown, system_reset};

/// Switches the machine off. When it comes back, the firmware cannot.
pub(crate) fn power_off() {
    system_reset(Shutdown, NoReason);
}

/// Resets the machine. When it comes back, the firmware cannot.
pub(crate) fn reboot() {
    system_reset(ColdReboot, NoReason);
}
