//! The generic timer (Arm Architecture Reference Manual for A-profile, D12).

#[cfg(feature = "appliance")]
use core::arch::asm;

use super::cpu::read_register;
#[cfg(feature = "appliance")]
use crate::virt::counter_in;

/// How often per second the counter counts, if the machine says so.
pub(crate) fn counter_hz() -> Option<u64> {
    Some(read_register!("cntfrq_el0")).filter(|&hz| hz != 0)
}

/// Sleeps, by `sleep`, until a device has something for the guest or so many nanoseconds have passed.
#[cfg(feature = "appliance")]
pub(crate) fn sleep_for(ns: u64, sleep: impl FnOnce()) {
    const ENABLE: u64 = 1;
    let Some(end) = counter_in(ns) else { return sleep() };
    // SAFETY: The timer does no more than to end a sleep.
    unsafe {
        asm!("msr cntv_cval_el0, {}", "msr cntv_ctl_el0, {}", "isb", in(reg) end, in(reg) ENABLE, options(nostack));
    }
    sleep();
    // SAFETY: As above.
    unsafe { asm!("msr cntv_ctl_el0, xzr", "isb", options(nostack)) }
}
