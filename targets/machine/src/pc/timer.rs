//! The local APIC's timer, for one purpose: that a sleep ends in time (Intel SDM vol. 3, 10.5.4).

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::Ordering;

use super::Machine;
use super::clock::monotonic_ns;
use crate::arch::{LOCAL_APIC, TIMER_VECTOR};

const TIMER: u64 = 0x320;
const INITIAL_COUNT: u64 = 0x380;
const CURRENT_COUNT: u64 = 0x390;
const DIVIDE: u64 = 0x3e0;
const DIVIDE_BY_16: u32 = 0b0011;
/// Counts of the first sleep: 1 ms on KVM and QEMU, a few tens on real buses.
const FIRST_COUNTS: u32 = 62_500;
/// A sleep that is too short to show how fast the timer counts, in nanoseconds: no timer counts faster than KVM's.
const SHORT_NS: u64 = 900_000;

/// The timer. Nobody says how fast it counts: each sleep shows it.
#[derive(Debug)]
pub struct Timer {
    apic: u64,
    /// Nanoseconds per count, with 16 bits after the point, as the last sleep showed it. A sleep takes longer than its counts when the
    /// guest is woken late, so that the next one ends too early at worst. It takes less if the machine was paused meanwhile and the
    /// clock, unlike the counts, stood still. Therefore a sleep shows at least half of what the one before did.
    scale: Cell<Option<u64>>,
}

impl Timer {
    /// The timer of the local APIC; `None` without one.
    pub fn find(_: &Machine) -> Option<Self> {
        let apic = LOCAL_APIC.load(Ordering::Relaxed);
        let timer = Self { apic, scale: Cell::new(None) };
        (apic != 0).then(|| {
            timer.set_up();
            timer
        })
    }

    /// Sleeps, by `sleep`, until a device has something for the guest or the time of the first counts has passed. Needs no clock.
    pub fn doze(&self, sleep: impl FnOnce()) {
        self.write(INITIAL_COUNT, FIRST_COUNTS);
        sleep();
    }

    /// Sets it up, also after a reset.
    pub(super) fn set_up(&self) {
        self.write(DIVIDE, DIVIDE_BY_16);
        self.write(TIMER, TIMER_VECTOR.into());
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
        self.write(INITIAL_COUNT, counts);
        sleep();
        let slept = monotonic_ns().map_or(0, |now| now.saturating_sub(start));
        // A short sleep shows little.
        if slept < SHORT_NS {
            return;
        }
        let passed = counts.saturating_sub(self.read(CURRENT_COUNT));
        if passed >= FIRST_COUNTS {
            let seen = u64::try_from((u128::from(slept) << 16) / u128::from(passed)).unwrap_or(u64::MAX).max(1);
            self.scale.set(Some(seen.max(self.scale.get().unwrap_or(0) / 2)));
        }
    }

    fn read(&self, register: u64) -> u32 {
        // SAFETY: `find` saw that the local APIC is on; its registers are mapped.
        unsafe { ptr::with_exposed_provenance::<u32>((self.apic + register) as usize).read_volatile() }
    }

    fn write(&self, register: u64, value: u32) {
        // SAFETY: As above; the one vector that it is told has a handler.
        unsafe { ptr::with_exposed_provenance_mut::<u32>((self.apic + register) as usize).write_volatile(value) }
    }
}
