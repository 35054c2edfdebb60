//! The generic timer (Arm Architecture Reference Manual for A-profile, D12).

use core::arch::asm;

use super::cpu::read_register;

/// How often per second the counter counts, if the machine says so.
pub(crate) fn counter_hz() -> Option<u64> {
    Some(read_register!("cntfrq_el0")).filter(|&hz| hz != 0)
}

/// Has the timer interrupt when the counter shows so much; `None`: no more.
pub(crate) fn set_timer(at: Option<u64>) {
    const ENABLE: u64 = 1;
    // SAFETY: The timer does no more than to end a sleep.
    unsafe {
        match at {
            Some(at) => {
                asm!("msr cntv_cval_el0, {}", "msr cntv_ctl_el0, {}", "isb", in(reg) at, in(reg) ENABLE, options(nostack));
            }
            None => asm!("msr cntv_ctl_el0, xzr", "isb", options(nostack)),
        }
    }
}
