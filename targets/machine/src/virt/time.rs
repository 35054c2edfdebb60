//! The CPU's counter as a clock: every CPU of these machines has one whose speed is told.

use crate::arch::{counter_hz, timestamp};
use crate::cell::FoundAtBoot;
use crate::tick::Tick;

/// Nanoseconds since some moment before the guest's boot. Never goes back. `None` on a machine that does not say how fast
/// its counter counts.
pub fn monotonic_ns() -> Option<u64> {
    static TICK: FoundAtBoot<Option<Tick>> = FoundAtBoot::new();
    let tick = TICK.get().unwrap_or_else(|| TICK.give(counter_hz().map(Tick::of_hz)));
    tick.map(|tick| tick.ns(timestamp()))
}

/// No hypervisor here tells when the counter began.
pub(crate) fn hypervisor_start_ns() -> Option<fn() -> i64> {
    None
}
