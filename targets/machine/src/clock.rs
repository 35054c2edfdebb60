//! What time it is: the machine's real-time clock, and what goes on from it in nanoseconds.

use core::fmt;

use crate::board::{Rtc, hypervisor_start_ns, monotonic_ns};

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

/// The running clock.
#[derive(Debug, Default)]
pub struct Clock {
    rtc: Option<Option<Rtc>>,
    /// Nanoseconds since 1970 at the moment that the monotonic clock calls 0.
    offset: Option<i64>,
}

impl Clock {
    /// Nanoseconds since 1970-01-01 00:00 UTC. `None` on a machine without a clock that has not been told the time.
    pub fn wall_ns(&mut self) -> Option<i64> {
        let Some(monotonic) = monotonic() else {
            return self.rtc()?.seconds()?.checked_mul(NS_PER_S);
        };
        if let Some(start) = hypervisor_start_ns() {
            let offset = *self.offset.get_or_insert_with(start);
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
    /// Without any clock, and for times that the real-time clock cannot show.
    pub fn set_wall(&mut self, ns: i64) -> Result<(), ClockError> {
        let rtc = self.rtc();
        let monotonic = monotonic();
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
        let monotonic = monotonic();
        self.offset = match (rtc, hypervisor_start_ns()) {
            (Some(rtc), _) => rtc.checked_mul(NS_PER_S).map(|rtc| rtc - monotonic.unwrap_or(0)),
            (None, Some(start)) => Some(start()),
            (None, None) => return Err(ClockError::NoClock),
        };
        Ok(())
    }

    fn rtc(&mut self) -> Option<Rtc> {
        *self.rtc.get_or_insert_with(Rtc::find)
    }
}

/// What the monotonic clock shows, for sums with moments before it began.
fn monotonic() -> Option<i64> {
    monotonic_ns().and_then(|now| i64::try_from(now).ok())
}
