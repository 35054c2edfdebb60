//! The speed of the real-time counter, and the timer that belongs to it.

#[cfg(feature = "appliance")]
use super::cpu::{TIMER_INTERRUPT, wake_by};
#[cfg(feature = "appliance")]
use super::sbi;
use crate::device_tree::cells;
#[cfg(feature = "appliance")]
use crate::virt::counter_in;
use crate::virt::tree;

/// How often per second the counter counts, if the tree says so.
pub(crate) fn counter_hz() -> Option<u64> {
    cells(tree()?.property("timebase-frequency")?).next().map(u64::from)
}

/// Sleeps, by `sleep`, until a device has something for the guest or so many nanoseconds have passed.
#[cfg(feature = "appliance")]
pub(crate) fn sleep_for(ns: u64, sleep: impl FnOnce()) {
    let Some(end) = counter_in(ns) else { return sleep() };
    sbi::set_timer(end);
    wake_by(TIMER_INTERRUPT);
    sleep();
    // The timer's interrupt goes when it is set to a time that never comes.
    sbi::set_timer(u64::MAX);
}
