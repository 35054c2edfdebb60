//! The CPU's timer, for one purpose: that a sleep ends in time.

use super::Machine;
use crate::arch::{counter_hz, set_timer, sleep_until_timer, timestamp};

/// The timer, which goes by the CPU's counter.
#[derive(Debug)]
pub struct Timer(());

impl Timer {
    /// The timer: every CPU of these machines has one.
    pub const fn find(_: &Machine) -> Option<Self> {
        Some(Self(()))
    }

    /// Sleeps, by `sleep`, until a device has something for the guest or so many nanoseconds have passed.
    pub fn sleep_for(&self, ns: u64, sleep: impl FnOnce()) {
        let Some(end) = counter_in(ns) else { return sleep() };
        set_timer(Some(end));
        sleep();
        set_timer(None);
    }

    /// The same for a millisecond.
    pub fn doze(&self, sleep: impl FnOnce()) {
        self.sleep_for(1_000_000, sleep);
    }
}

/// Sleeps until an interrupt, for no longer than so many nanoseconds, without the machine. If it is `deaf`, devices do not end it, where
/// the CPU can do that.
pub fn nap(ns: u64, deaf: bool) {
    let Some(end) = counter_in(ns) else { return core::hint::spin_loop() };
    set_timer(Some(end));
    sleep_until_timer(deaf);
    set_timer(None);
}

/// What the counter will show in so many nanoseconds.
fn counter_in(ns: u64) -> Option<u64> {
    let ticks = u128::from(ns) * u128::from(counter_hz()?) / 1_000_000_000;
    Some(timestamp().saturating_add(u64::try_from(ticks).unwrap_or(u64::MAX)))
}
