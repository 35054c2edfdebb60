//! What goes on by itself: the hypervisor's clock, or the CPU's counter.

use super::cpu::timestamp;
use super::kvm_clock::KvmClock;
use super::tsc::Tsc;
use crate::acpi::Fadt;
use crate::cell::FoundAtBoot;

/// What time goes by, everywhere in the image.
static BOOT: FoundAtBoot<Boot> = FoundAtBoot::new();
static SOURCE: FoundAtBoot<Source> = FoundAtBoot::new();

#[derive(Debug)]
struct Boot {
    fadt: Option<&'static Fadt>,
    timestamp: u64,
}

#[derive(Debug)]
enum Source {
    Kvm(KvmClock),
    Tsc(Tsc),
    None,
}

impl Source {
    /// It is measured when somebody first asks for the time: that takes milliseconds, which a boot has better use for.
    fn get() -> &'static Self {
        SOURCE.get().unwrap_or_else(|| SOURCE.give(Self::find()))
    }

    fn find() -> Self {
        match (KvmClock::find(), BOOT.get()) {
            (Some(clock), _) => Self::Kvm(clock),
            (None, Some(boot)) => Tsc::measure(boot.timestamp, boot.fadt).map_or(Self::None, Self::Tsc),
            (None, None) => Self::None,
        }
    }
}

/// Nanoseconds since some moment about the guest's boot. Never goes back. `None` on a machine that has nothing to measure
/// the CPU's counter with.
pub fn monotonic_ns() -> Option<u64> {
    match Source::get() {
        Source::Kvm(clock) => Some(clock.now()),
        Source::Tsc(tsc) => Some(tsc.now()),
        Source::None => None,
    }
}

/// Begins the monotonic clock, if it is to be the CPU's counter, which is then measured by what the tables name.
pub(super) fn begin(fadt: Option<&'static Fadt>) {
    BOOT.give(Boot { fadt, timestamp: timestamp() });
}

/// The tables that the machine was booted with.
pub(super) fn fadt() -> Option<&'static Fadt> {
    BOOT.get()?.fadt
}

/// What tells when the monotonic clock began, in nanoseconds since 1970, where the hypervisor does.
pub fn hypervisor_start_ns() -> Option<impl Fn() -> i64> {
    let Source::Kvm(clock) = Source::get() else { return None };
    Some(|| clock.started_at())
}
