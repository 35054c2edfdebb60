//! The local APIC's timer, for one purpose: that a sleep ends in time.

use core::cell::Cell;

use super::Machine;
use super::apic_timer::{ApicTimer, EMULATED_NS};
use super::clock::monotonic_ns;
use crate::arch::sleep_until_timer;

/// Counts of the first sleep: 1 ms on KVM and QEMU, a few tens on real buses.
const FIRST_COUNTS: u32 = 62_500;
/// A sleep that is too short to show how fast the timer counts, in nanoseconds: no timer counts faster than KVM's.
const SHORT_NS: u64 = 900_000;

/// The timer. How fast QEMU's and KVM's counts is known. Each sleep shows how fast others do.
#[derive(Debug)]
pub struct Timer {
    counter: ApicTimer,
    /// Nanoseconds per count, with 16 bits after the point, as the last sleep showed it. A sleep takes longer than its counts when the
    /// guest is woken late, so that the next one ends too early at worst. It takes less if the machine was paused meanwhile and the
    /// clock, unlike the counts, stood still. Therefore a sleep shows at least half of what the one before did.
    scale: Cell<Option<u64>>,
    is_known: bool,
}

impl Timer {
    /// The timer of the local APIC; `None` without one.
    pub fn find(_: &Machine) -> Option<Self> {
        let counter = ApicTimer::find()?;
        counter.set_up();
        let known = ApicTimer::is_emulated().then_some(EMULATED_NS << 16);
        Some(Self { counter, scale: Cell::new(known), is_known: known.is_some() })
    }

    /// Sleeps, by `sleep`, until a device has something for the guest or the time of the first counts has passed. Needs no clock.
    pub fn doze(&self, sleep: impl FnOnce()) {
        self.counter.start(FIRST_COUNTS);
        sleep();
    }

    /// Sets it up, also after a reset.
    pub(super) fn set_up(&self) {
        self.counter.set_up();
    }

    /// Sleeps, by `sleep`, until a device has something for the guest or so many nanoseconds have passed, perhaps less.
    pub fn sleep_for(&self, ns: u64, sleep: impl FnOnce()) {
        let Some(start) = monotonic_ns() else { return sleep() };
        let counts = match self.scale.get() {
            // A count of 0 would not wake the guest.
            Some(scale) => u32::try_from((u128::from(ns) << 16) / u128::from(scale)).unwrap_or(u32::MAX).max(1),
            None => FIRST_COUNTS,
        };
        // It is left to run after the sleep, because each of its registers costs a virtual machine as much as a short request: the next
        // sleep sets it anew, or ends too early once.
        self.counter.start(counts);
        sleep();
        let slept = monotonic_ns().map_or(0, |now| now.saturating_sub(start));
        // A short sleep shows little.
        if self.is_known || slept < SHORT_NS {
            return;
        }
        let passed = counts.saturating_sub(self.counter.left());
        if passed >= FIRST_COUNTS {
            let seen = u64::try_from((u128::from(slept) << 16) / u128::from(passed)).unwrap_or(u64::MAX).max(1);
            self.scale.set(Some(seen.max(self.scale.get().unwrap_or(0) / 2)));
        }
    }
}

/// Sleeps until an interrupt, for no longer than so many nanoseconds, without the machine. If it is `deaf`, a device that does not let go
/// of its interrupt ends no second sleep. The timer must have been found.
pub fn nap(ns: u64, deaf: bool) {
    match ApicTimer::find() {
        Some(counter) => {
            // Timers that are not emulated are slower.
            counter.start(u32::try_from(ns / EMULATED_NS).unwrap_or(u32::MAX).max(1));
            sleep_until_timer(deaf);
        }
        None => core::hint::spin_loop(),
    }
}
