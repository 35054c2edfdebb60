//! What goes on by itself: the hypervisor's clock, or the CPU's counter.

use super::firmware::fadt;
use super::hypervisor_clock::HypervisorClock;
use super::rtc::Rtc;
use super::tsc::Tsc;
use crate::arch::timestamp;
use crate::cell::FoundAtBoot;

const NS_PER_S: i64 = 1_000_000_000;

/// The CPU's counter at boot.
static START: FoundAtBoot<u64> = FoundAtBoot::new();
/// What time goes by, everywhere in the image.
static SOURCE: FoundAtBoot<Source> = FoundAtBoot::new();

#[derive(Debug)]
enum Source {
    Hypervisor(HypervisorClock),
    Tsc(Tsc),
    None,
}

impl Source {
    /// It is measured when somebody first asks for the time: that takes milliseconds, which a boot has better use for.
    fn get() -> &'static Self {
        SOURCE.get().unwrap_or_else(|| SOURCE.give(Self::find()))
    }

    fn find() -> Self {
        match (HypervisorClock::find(), START.get()) {
            (Some(clock), _) => Self::Hypervisor(clock),
            (None, Some(&start)) => Tsc::measure(start, fadt()).map_or(Self::None, Self::Tsc),
            (None, None) => Self::None,
        }
    }
}

/// Nanoseconds since some moment about the guest's boot. Never goes back. `None` on a machine that has nothing to measure
/// the CPU's counter with.
pub fn monotonic_ns() -> Option<u64> {
    match Source::get() {
        Source::Hypervisor(clock) => Some(clock.now()),
        Source::Tsc(tsc) => Some(tsc.now()),
        Source::None => None,
    }
}

/// Begins the monotonic clock, if it is to be the CPU's counter.
pub(super) fn begin() {
    START.give(timestamp());
}

/// What tells when the monotonic clock began, in nanoseconds since 1970, where the hypervisor does.
pub(crate) fn hypervisor_start_ns() -> Option<impl Fn() -> i64> {
    let Source::Hypervisor(clock) = Source::get() else { return None };
    Some(|| clock.started_at())
}

/// What time it was when the machine went to sleep.
#[derive(Debug)]
pub(super) struct BeforeSleep {
    monotonic: Option<u64>,
    timestamp: u64,
    rtc_seconds: Option<i64>,
}

/// What time it is before the machine sleeps.
pub(super) fn before_sleep() -> BeforeSleep {
    BeforeSleep { monotonic: monotonic_ns(), timestamp: timestamp(), rtc_seconds: rtc_seconds() }
}

/// Has the monotonic clock go on when the machine has woken. Where the CPU's counter began anew, the real-time clock tells
/// how long the machine slept.
pub(super) fn after_sleep(before: &BeforeSleep) {
    match Source::get() {
        // The reset has switched it off. It counts on meanwhile.
        Source::Hypervisor(_) => _ = HypervisorClock::find(),
        Source::Tsc(tsc) if timestamp() < before.timestamp => {
            let slept = rtc_seconds().zip(before.rtc_seconds).map_or(0, |(woken, before)| woken.saturating_sub(before));
            let slept = u64::try_from(slept.saturating_mul(NS_PER_S)).unwrap_or(0);
            tsc.go_on_from(before.monotonic.unwrap_or(0).saturating_add(slept));
        }
        Source::Tsc(_) | Source::None => {}
    }
}

fn rtc_seconds() -> Option<i64> {
    Rtc::find()?.seconds()
}
