//! The time of a request in FAT's form: a calendar date from 1980 to 2107, and a time of day.

use lamfat::{Date, DateTime, Time, TimeProvider};

/// 1980-01-01 and the last second of 2107, in seconds since 1970.
const FIRST: i64 = 315_532_800;
const LAST: i64 = 4_354_819_199;
const FIRST_YEAR: u16 = 1980;
const SECONDS_PER_DAY: u32 = 86_400;

/// The time of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now(DateTime);

impl Now {
    /// A time in seconds since 1970.
    pub(super) fn at(seconds: i64) -> Self {
        // At most 2^32 - 1.
        let seconds = (seconds.clamp(FIRST, LAST) - FIRST) as u32;
        let second = seconds % SECONDS_PER_DAY;
        let time = Time::new((second / 3600) as u16, (second / 60 % 60) as u16, (second % 60) as u16, 0);
        Self(DateTime::new(date(seconds / SECONDS_PER_DAY), time))
    }

    /// The date and the time as a directory entry has them.
    pub(super) const fn encoded(self) -> (u16, u16) {
        let DateTime { date, time, .. } = self.0;
        let date = (date.year - FIRST_YEAR) << 9 | date.month << 5 | date.day;
        (date, time.hour << 11 | time.min << 5 | time.sec >> 1)
    }
}

impl TimeProvider for Now {
    fn get_current_date(&self) -> Date {
        self.0.date
    }

    fn get_current_date_time(&self) -> DateTime {
        self.0
    }
}

/// The date `day` days after 1980-01-01.
fn date(mut day: u32) -> Date {
    let mut year = FIRST_YEAR;
    let mut month = 1;
    loop {
        // 2100 is the only fourth year from 1980 to 2107 that is no leap year.
        let is_leap = year.is_multiple_of(4) && year != 2100;
        let length = match month {
            2 => 28 + u32::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if day < length {
            return Date::new(year, month, day as u16 + 1);
        }
        day -= length;
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> [u16; 6] {
        let DateTime { date, time, .. } = Now::at(seconds).get_current_date_time();
        [date.year, date.month, date.day, time.hour, time.min, time.sec]
    }

    #[test]
    fn a_leap_day_and_a_century_without_one() {
        assert_eq!(at(1_709_249_696), [2024, 2, 29, 23, 34, 56]);
        assert_eq!(at(4_107_542_399), [2100, 2, 28, 23, 59, 59]);
        assert_eq!(at(4_107_542_400), [2100, 3, 1, 0, 0, 0]);
    }

    #[test]
    fn times_that_the_format_cannot_note_become_the_nearest_ones() {
        for early in [i64::MIN, 0, FIRST] {
            assert_eq!(at(early), [1980, 1, 1, 0, 0, 0]);
        }
        for late in [LAST, LAST + 1, i64::MAX] {
            assert_eq!(at(late), [2107, 12, 31, 23, 59, 59]);
        }
    }
}
