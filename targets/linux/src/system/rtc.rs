//! The machine's clock, `/dev/rtc` (rtc(4)), which is kept in UTC, or in local time where `/etc/adjtime` says so (hwclock(8)).

use core::ffi::c_int;
use core::mem::MaybeUninit;

use nanoqga::Failure;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::ioctl::{Getter, Opcode, Setter, ioctl, opcode};

use super::errno::failed;
use super::files::read_text;
use super::time_zone;

/// `struct rtc_time` of `linux/rtc.h`: as C's `struct tm`, but for its last members.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct RtcTime {
    second: c_int,
    minute: c_int,
    hour: c_int,
    day: c_int,
    month: c_int,
    year: c_int,
    /// The kernel neither tells nor reads these.
    unused: [c_int; 3],
}

const READ: Opcode = opcode::read::<RtcTime>(b'p', 9);
const SET: Opcode = opcode::write::<RtcTime>(b'p', 10);

/// How qemu-ga begins to tell that hwclock(8) has failed, in both directions.
pub const FAILED: &str = "child process has failed to set hardware clock to system time";

/// The clock, open.
#[derive(Debug)]
pub struct Rtc(OwnedFd);

impl Rtc {
    /// Opens it.
    pub fn open() -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        open("/dev/rtc0", flags, Mode::empty()).or_else(|_| open("/dev/rtc", flags, Mode::empty())).map(Self)
    }

    /// What it says, in seconds since 1970.
    pub fn time(&self) -> Result<i64, Failure> {
        // SAFETY: RTC_RD_TIME (rtc(4)) writes a struct rtc_time, which this is.
        let time = unsafe { ioctl(&self.0, Getter::<READ, RtcTime>::new()) };
        let time = time.map(seconds).map_err(|error| failed(FAILED, error))?;
        // The zone of that time, not of local time: they differ for some hours twice a year.
        let guess = time.saturating_sub(offset(time));
        Ok(time.saturating_sub(offset(guess)))
    }

    /// Sets it.
    pub fn set_time(&self, time: i64) -> Result<(), Failure> {
        let time = broken_down(time.saturating_add(offset(time))).ok_or(Failure("Invalid time"))?;
        // SAFETY: RTC_SET_TIME (rtc(4)) reads a struct rtc_time, which this is.
        let outcome = unsafe { ioctl(&self.0, Setter::<SET, RtcTime>::new(time)) };
        outcome.map_err(|error| failed(FAILED, error))
    }
}

/// How far the clock is from UTC at a time, in seconds.
fn offset(time: i64) -> i64 {
    let is_local = |text: &str| text.lines().nth(2).is_some_and(|line| line.trim() == "LOCAL");
    let local = read_text("/etc/adjtime").is_ok_and(|text| is_local(&text));
    if local { time_zone::local(time).0.into() } else { 0 }
}

fn broken_down(time: i64) -> Option<RtcTime> {
    let mut tm = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: the time is read and the broken-down time is written during the call.
    if unsafe { libc::gmtime_r(&time, tm.as_mut_ptr()) }.is_null() {
        return None;
    }
    // SAFETY: gmtime_r returned it, so it is filled.
    let tm = unsafe { tm.assume_init() };
    Some(RtcTime {
        second: tm.tm_sec,
        minute: tm.tm_min,
        hour: tm.tm_hour,
        day: tm.tm_mday,
        month: tm.tm_mon,
        year: tm.tm_year,
        unused: [0; 3],
    })
}

fn seconds(time: RtcTime) -> i64 {
    // SAFETY: a struct tm is numbers and a pointer that timegm does not read; all may be zero.
    let mut tm: libc::tm = unsafe { MaybeUninit::zeroed().assume_init() };
    tm.tm_sec = time.second;
    tm.tm_min = time.minute;
    tm.tm_hour = time.hour;
    tm.tm_mday = time.day;
    tm.tm_mon = time.month;
    tm.tm_year = time.year;
    // SAFETY: timegm reads and normalises the broken-down time during the call.
    unsafe { libc::timegm(&mut tm) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_the_same_times() {
        let leap_day = RtcTime { second: 59, minute: 58, hour: 23, day: 29, month: 1, year: 124, ..RtcTime::default() };
        assert_eq!(broken_down(1_709_251_139), Some(leap_day));
        for time in [0, 951_782_400, 1_709_251_139, 3_155_759_999] {
            assert_eq!(broken_down(time).map(seconds), Some(time));
        }
    }
}
