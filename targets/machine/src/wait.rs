//! Waiting for a time.

use crate::{Machine, Timer, monotonic_ns};

impl Timer {
    /// Waits `ns` nanoseconds, and sleeps meanwhile. Devices that interrupt do not end it. Returns false, without waiting, on a
    /// machine that has no clock.
    pub fn wait(&self, machine: &Machine, ns: u64) -> bool {
        let Some(end) = monotonic_ns().map(|now| now.saturating_add(ns)) else { return false };
        while let Some(left) = monotonic_ns().and_then(|now| end.checked_sub(now)).filter(|&left| left > 0) {
            self.sleep_for(left, || machine.sleep());
        }
        true
    }
}
