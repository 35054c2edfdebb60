//! The real-time counter as a clock, and the timer that belongs to it.

use super::cpu::timestamp;
#[cfg(feature = "appliance")]
use super::cpu::{TIMER_INTERRUPT, wake_by};
#[cfg(feature = "appliance")]
use super::sbi;
use crate::cell::FoundAtBoot;
use crate::clock::Tick;
use crate::device_tree::cells;
use crate::virt::tree;

/// Nanoseconds since some moment before the guest's boot. Never goes back. `None` on a machine that does not say how fast
/// its counter counts.
pub fn monotonic_ns() -> Option<u64> {
    static TICK: FoundAtBoot<Option<Tick>> = FoundAtBoot::new();
    let tick = TICK.get().unwrap_or_else(|| TICK.give(hz().map(Tick::of_hz)));
    tick.map(|tick| tick.ns(timestamp()))
}

fn hz() -> Option<u64> {
    cells(tree()?.property("timebase-frequency")?).next().map(u64::from)
}

/// No hypervisor here tells when the counter began.
pub fn hypervisor_start_ns() -> Option<fn() -> i64> {
    None
}

/// Sleeps, by `sleep`, until a device has something for the guest or so many nanoseconds have passed.
#[cfg(feature = "appliance")]
pub(crate) fn sleep_for(ns: u64, sleep: impl FnOnce()) {
    let Some(hz) = hz() else { return sleep() };
    let ticks = u128::from(ns) * u128::from(hz) / 1_000_000_000;
    sbi::set_timer(timestamp().saturating_add(u64::try_from(ticks).unwrap_or(u64::MAX)));
    wake_by(TIMER_INTERRUPT);
    sleep();
    // The timer's interrupt goes when it is set to a time that never comes.
    sbi::set_timer(u64::MAX);
}
