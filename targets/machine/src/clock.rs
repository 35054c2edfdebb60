//! What time it is: the machine's real-time clock, and what goes on from it in nanoseconds.

use core::fmt;

use crate::board::{Rtc, hypervisor_start_ns, monotonic_ns};

const NS_PER_S: i64 = 1_000_000_000;
/// How far the running clock may be behind the real-time clock's second to count as exact.
const NEAR: i64 = 20_000_000;
/// How often to look for the beginning of a second, and how often at most: a busy host may let a guest look too late each time.
const LOOK: i64 = NEAR / 2;
const LOOKS: u16 = 3000;

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
    /// Whether nothing is to be looked for any more: the offset was given, or is that of a second's beginning.
    is_exact: bool,
    looks: u16,
    /// What both clocks showed at the last look.
    looked: Option<(i64, i64)>,
}

impl Clock {
    /// Nanoseconds since 1970-01-01 00:00 UTC. `None` on a machine without a clock that has not been told the time.
    pub fn wall_ns(&mut self) -> Option<i64> {
        let Some(monotonic) = monotonic() else {
            return self.rtc()?.seconds()?.checked_mul(NS_PER_S);
        };
        let started = hypervisor_start_ns().map(|start| start());
        let Some(rtc) = self.rtc().and_then(Rtc::seconds).and_then(|seconds| seconds.checked_mul(NS_PER_S)) else {
            self.offset = self.offset.or(started);
            return self.offset.and_then(|offset| monotonic.checked_add(offset));
        };
        // The real-time clock shows whole seconds, and the second it was set in may have begun before. It goes on while the host
        // has paused the machine, when the monotonic clock may stand still.
        let is_near = |offset: &i64| (rtc - NS_PER_S..rtc + 2 * NS_PER_S).contains(&monotonic.saturating_add(*offset));
        let offset = [self.offset, started].into_iter().flatten().find(is_near).unwrap_or(rtc - monotonic);
        self.is_exact &= self.offset == Some(offset);
        self.offset = Some(offset);
        monotonic.checked_add(offset)
    }

    /// Takes the running clock to within 20 ms of the real-time clock, which shows only when a second begins. Returns in how many
    /// nanoseconds to call this again. `None`: not soon.
    pub fn sharpen(&mut self) -> Option<u64> {
        let now = monotonic()?;
        if self.is_exact {
            self.looks = 0;
            return None;
        }
        if self.looks < LOOKS && self.looked.is_none_or(|(_, at)| now - at >= LOOK) {
            self.looks += 1;
            if self.offset.is_none() {
                self.wall_ns()?;
            }
            let second = self.rtc()?.seconds()?;
            let now = monotonic()?;
            if let Some((last, at)) = self.looked.replace((second, now))
                && second == last + 1
                && now - at <= NEAR
            {
                self.offset = self.offset.max(Some(second.checked_mul(NS_PER_S)? - now));
                self.is_exact = true;
            }
        }
        (self.looks < LOOKS).then_some(LOOK as u64)
    }

    /// Has [`sharpen`](Self::sharpen) begin anew, because the monotonic clock may have lost part of a second while the machine slept.
    pub fn wake(&mut self) {
        self.is_exact = false;
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
        self.is_exact = true;
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
        self.is_exact = false;
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
