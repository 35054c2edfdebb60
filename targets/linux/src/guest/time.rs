//! `time`: the system's clock, and the machine's.

use nanoqga::Failure;
use nanoqga::commands::time::{Clock, SetClock};
use rustix::io::Errno;
use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

use super::Guest;
use crate::log::audit;
use crate::system::errno::failed;
use crate::system::rtc::{FAILED, Rtc};

const BILLION: i64 = 1_000_000_000;

impl Clock for Guest {
    fn time(&mut self) -> Result<i64, Failure> {
        let now = clock_gettime(ClockId::Realtime);
        let nanoseconds = now.tv_sec.checked_mul(BILLION).and_then(|whole| whole.checked_add(now.tv_nsec));
        nanoseconds.ok_or(Failure("the clock is past the year 2262"))
    }
}

impl SetClock for Guest {
    fn set_time(&mut self, time: i64) -> Result<(), Failure> {
        audit("guest-set-time", &time);
        let seconds = time.div_euclid(BILLION);
        set_clock(seconds, time.rem_euclid(BILLION))?;
        match Rtc::open() {
            Ok(rtc) => rtc.set_time(seconds),
            // A machine without a clock of its own has none that could differ.
            Err(Errno::NOENT | Errno::NODEV | Errno::NXIO) => Ok(()),
            Err(error) => Err(failed(FAILED, error)),
        }
    }

    fn set_time_from_machine(&mut self) -> Result<(), Failure> {
        audit("guest-set-time", &"from the machine's clock");
        let rtc = Rtc::open().map_err(|error| failed(FAILED, error))?;
        set_clock(rtc.time()?, 0)
    }
}

fn set_clock(seconds: i64, nanoseconds: i64) -> Result<(), Failure> {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    clock_settime(ClockId::Realtime, time).map_err(|error| failed("Failed to set time to guest", error))
}
