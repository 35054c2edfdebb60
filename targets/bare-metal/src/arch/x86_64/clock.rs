//! What time it is.

use core::fmt;

use super::cpu::timestamp;
use super::kvm_clock::KvmClock;
use super::rtc::Rtc;
use super::tsc::Tsc;
use crate::acpi::Fadt;
use crate::cell::FoundAtBoot;

const NS_PER_S: i64 = 1_000_000_000;

/// Why the time could not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockError {
    /// There is neither a real-time clock nor a clock of the hypervisor's.
    NoClock,
    /// The real-time clock cannot show that time.
    OutOfRange,
}

impl ClockError {
    /// The same in words, for whoever asked.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoClock => "this machine has no real-time clock",
            Self::OutOfRange => "the real-time clock cannot show this time",
        }
    }
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

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

/// What time it was when the machine went to sleep.
#[cfg(feature = "appliance")]
#[derive(Debug)]
pub(super) struct BeforeSleep {
    monotonic: Option<u64>,
    timestamp: u64,
    rtc_seconds: Option<i64>,
}

/// The running clock.
#[derive(Debug)]
pub struct Clock {
    fadt: Option<&'static Fadt>,
    rtc: Option<Option<Rtc>>,
    /// Nanoseconds since 1970 at the moment that the monotonic clock calls 0.
    offset: Option<i64>,
}

impl Clock {
    /// The clock. The monotonic one begins with the first of its kind.
    pub(super) fn new(fadt: Option<&'static Fadt>) -> Self {
        BOOT.give(Boot { fadt, timestamp: timestamp() });
        Self { fadt, rtc: None, offset: None }
    }

    /// Nanoseconds since 1970-01-01 00:00 UTC. `None` on a machine without a clock that has not been told the time.
    pub fn wall_ns(&mut self) -> Option<i64> {
        let Some(monotonic) = monotonic_ns().and_then(|now| i64::try_from(now).ok()) else {
            return self.rtc()?.seconds()?.checked_mul(NS_PER_S);
        };
        if let Source::Kvm(clock) = Source::get() {
            let offset = *self.offset.get_or_insert_with(|| clock.started_at());
            return monotonic.checked_add(offset);
        }
        let running = self.offset.and_then(|offset| monotonic.checked_add(offset));
        let Some(rtc) = self.rtc().and_then(Rtc::seconds).and_then(|seconds| seconds.checked_mul(NS_PER_S)) else {
            return running;
        };
        // The real-time clock shows whole seconds, and the second it was set in may have begun before.
        match running {
            Some(running) if (rtc - NS_PER_S..rtc + 2 * NS_PER_S).contains(&running) => Some(running),
            _ => {
                self.offset = Some(rtc - monotonic);
                Some(rtc)
            }
        }
    }

    /// Sets the running clock and the real-time clock, to nanoseconds since 1970.
    ///
    /// # Errors
    /// Without any clock, and for times outside 1970 to 9999.
    pub fn set_wall(&mut self, ns: i64) -> Result<(), ClockError> {
        let rtc = self.rtc();
        let monotonic = monotonic_ns().and_then(|now| i64::try_from(now).ok());
        if let Some(rtc) = rtc {
            rtc.set(ns.div_euclid(NS_PER_S)).ok_or(ClockError::OutOfRange)?;
        } else if monotonic.is_none() {
            return Err(ClockError::NoClock);
        }
        self.offset = monotonic.map(|monotonic| ns.checked_sub(monotonic).ok_or(ClockError::OutOfRange)).transpose()?;
        Ok(())
    }

    /// Sets the running clock from the real-time clock, or from the host's where there is only that.
    ///
    /// # Errors
    /// Without either.
    pub fn set_wall_from_rtc(&mut self) -> Result<(), ClockError> {
        let rtc = self.rtc().and_then(Rtc::seconds);
        let monotonic = monotonic_ns().and_then(|now| i64::try_from(now).ok());
        self.offset = match (rtc, Source::get(), monotonic) {
            (Some(rtc), _, monotonic) => rtc.checked_mul(NS_PER_S).map(|rtc| rtc - monotonic.unwrap_or(0)),
            (None, Source::Kvm(clock), _) => Some(clock.started_at()),
            (None, ..) => return Err(ClockError::NoClock),
        };
        Ok(())
    }

    /// What time it is before the machine sleeps.
    #[cfg(feature = "appliance")]
    pub(super) fn before_sleep(&mut self) -> BeforeSleep {
        BeforeSleep {
            monotonic: monotonic_ns(),
            timestamp: timestamp(),
            rtc_seconds: self.rtc().and_then(Rtc::seconds),
        }
    }

    /// Has the monotonic clock go on when the machine has woken. Where the CPU's counter began anew, the real-time clock
    /// tells how long the machine slept.
    #[cfg(feature = "appliance")]
    pub(super) fn after_sleep(&mut self, before: &BeforeSleep) {
        match Source::get() {
            // The reset has switched it off. It counts on meanwhile.
            Source::Kvm(_) => _ = KvmClock::find(),
            Source::Tsc(tsc) if timestamp() < before.timestamp => {
                let woken = self.rtc().and_then(Rtc::seconds);
                let slept = woken.zip(before.rtc_seconds).map_or(0, |(woken, before)| woken.saturating_sub(before));
                let slept = u64::try_from(slept.saturating_mul(NS_PER_S)).unwrap_or(0);
                tsc.go_on_from(before.monotonic.unwrap_or(0).saturating_add(slept));
            }
            Source::Tsc(_) | Source::None => {}
        }
    }

    fn rtc(&mut self) -> Option<Rtc> {
        *self.rtc.get_or_insert_with(|| Rtc::find(self.fadt))
    }
}
