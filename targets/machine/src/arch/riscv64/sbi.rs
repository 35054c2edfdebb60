//! Calls of the machine's firmware (RISC-V SBI 2.0, chapters 3, 6 and 10).

use core::arch::asm;

const SYSTEM_RESET: usize = 0x5352_5354;
const TIMER: usize = 0x5449_4d45;

const SHUTDOWN: usize = 0;
const COLD_REBOOT: usize = 1;
const NO_REASON: usize = 0;

/// Switches the machine off. When it comes back, the firmware cannot.
pub(crate) fn power_off() {
    call(SYSTEM_RESET, SHUTDOWN, NO_REASON);
}

/// Resets the machine. When it comes back, the firmware cannot.
pub(crate) fn reboot() {
    call(SYSTEM_RESET, COLD_REBOOT, NO_REASON);
}

/// Has the timer interrupt from a time on; until it is set again.
pub(super) fn set_timer(time: u64) {
    call(TIMER, time as usize, 0);
}

/// Calls the first function of an extension. The error that it may return has nothing to say to who calls these.
fn call(extension: usize, first: usize, second: usize) {
    // SAFETY: None of these reaches memory; the registers that a call may change are named.
    unsafe {
        asm!(
            "ecall",
            in("a7") extension, in("a6") 0, inlateout("a0") first => _, inlateout("a1") second => _,
            options(nostack)
        );
    }
}
