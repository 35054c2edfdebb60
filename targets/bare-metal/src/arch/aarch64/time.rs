//! The generic timer (Arm Architecture Reference Manual for A-profile, D12): its counter as a clock.

#[cfg(feature = "appliance")]
use core::arch::asm;

use super::cpu::{read_register, timestamp};
use crate::cell::FoundAtBoot;
use crate::clock::Tick;

/// Nanoseconds since some moment before the guest's boot. Never goes back. `None` on a machine that does not say how fast
/// its counter counts.
pub fn monotonic_ns() -> Option<u64> {
    static TICK: FoundAtBoot<Option<Tick>> = FoundAtBoot::new();
    let tick = TICK.get().unwrap_or_else(|| TICK.give(hz().map(Tick::of_hz)));
    tick.map(|tick| tick.ns(timestamp()))
}

fn hz() -> Option<u64> {
    Some(read_register!("cntfrq_el0")).filter(|&hz| hz != 0)
}

/// No hypervisor here tells when the counter began.
pub fn hypervisor_start_ns() -> Option<fn() -> i64> {
    None
}

/// Sleeps, by `sleep`, until a device has something for the guest or so many nanoseconds have passed.
#[cfg(feature = "appliance")]
pub(crate) fn sleep_for(ns: u64, sleep: impl FnOnce()) {
    const ENABLE: u64 = 1;
    let Some(hz) = hz() else { return sleep() };
    let ticks = u64::try_from(u128::from(ns) * u128::from(hz) / 1_000_000_000).unwrap_or(u64::MAX);
    let end = timestamp().saturating_add(ticks);
    // SAFETY: The timer does no more than to end a sleep.
    unsafe {
        asm!("msr cntv_cval_el0, {}", "msr cntv_ctl_el0, {}", "isb", in(reg) end, in(reg) ENABLE, options(nostack));
    }
    sleep();
    // SAFETY: As above.
    unsafe { asm!("msr cntv_ctl_el0, xzr", "isb", options(nostack)) }
}
