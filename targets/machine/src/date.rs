//! A PC's real-time clock registers (MC146818) to and from seconds since 1970.

use datealgo::{datetime_to_secs, days_in_month, rd_to_weekday, secs_to_datetime, secs_to_dhms};

/// The clock's registers, as they read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcRegisters {
    /// Register 0.
    pub second: u8,
    /// Register 2.
    pub minute: u8,
    /// Register 4. In 12-hour mode bit 7 means afternoon.
    pub hour: u8,
    /// Register 6: day of the week, 1 (Sunday) to 7.
    pub weekday: u8,
    /// Register 7.
    pub day: u8,
    /// Register 8.
    pub month: u8,
    /// Register 9: year of the century.
    pub year: u8,
    /// The register that ACPI names for it, if it names one.
    pub century: Option<u8>,
}

/// How the registers are to be read: register B of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcFormat(pub u8);

impl RtcFormat {
    const BINARY: u8 = 1 << 2;
    const HOURS_24: u8 = 1 << 1;
    const AFTERNOON: u8 = 1 << 7;

    fn value(self, register: u8) -> Option<u8> {
        match (self.0 & Self::BINARY != 0, register >> 4, register & 0xf) {
            (true, ..) => Some(register),
            (false, tens @ 0..=9, ones @ 0..=9) => Some(tens * 10 + ones),
            _ => None,
        }
    }

    /// Every field of a clock is below 100.
    fn register(self, value: u8) -> u8 {
        if self.0 & Self::BINARY != 0 { value } else { ((value / 10) << 4) | (value % 10) }
    }

    /// Seconds since 1970, or `None` when the registers show no date, as those of an absent clock do.
    pub fn decode(self, registers: &RtcRegisters) -> Option<i64> {
        let hour = if self.0 & Self::HOURS_24 != 0 {
            self.value(registers.hour)?
        } else {
            let hour = self.value(registers.hour & !Self::AFTERNOON)?;
            let afternoon = registers.hour & Self::AFTERNOON != 0;
            (1..=12).contains(&hour).then_some(hour % 12 + if afternoon { 12 } else { 0 })?
        };
        let century = registers.century.and_then(|century| self.value(century));
        // Without a century the clock cannot mean a time before PCs had ACPI.
        let century = century.filter(|century| (19..=99).contains(century)).unwrap_or(20);
        let year = i32::from(century) * 100 + i32::from(self.value(registers.year)?);
        let [second, minute] = [self.value(registers.second)?, self.value(registers.minute)?];
        let [month, day] = [self.value(registers.month)?, self.value(registers.day)?];
        // What is no date, the calendar's functions must not be given.
        let exists = second < 60
            && minute < 60
            && hour < 24
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        exists.then(|| datetime_to_secs((year, month, day, hour, minute, second)))
    }

    /// The registers that show a time. `None` before 1970 and after 9999, which they cannot show.
    pub fn encode(self, unix_seconds: i64) -> Option<RtcRegisters> {
        const YEAR_10000: i64 = datetime_to_secs((10_000, 1, 1, 0, 0, 0));
        if !(0..YEAR_10000).contains(&unix_seconds) {
            return None;
        }
        let (year, month, day, hour, minute, second) = secs_to_datetime(unix_seconds);
        let (days, ..) = secs_to_dhms(unix_seconds);
        let hour = match self.0 & Self::HOURS_24 != 0 {
            true => self.register(hour),
            false => self.register((hour + 11) % 12 + 1) | if hour >= 12 { Self::AFTERNOON } else { 0 },
        };
        Some(RtcRegisters {
            second: self.register(second),
            minute: self.register(minute),
            hour,
            // The calendar's week begins on Monday.
            weekday: self.register(rd_to_weekday(days) % 7 + 1),
            day: self.register(day),
            month: self.register(month),
            year: self.register((year % 100) as u8),
            century: Some(self.register((year / 100) as u8)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BCD_24: RtcFormat = RtcFormat(0b010);
    const BCD_12: RtcFormat = RtcFormat(0b000);

    #[test]
    fn a_bcd_clock_in_24_hour_mode() {
        let registers = RtcRegisters {
            second: 0x56,
            minute: 0x34,
            hour: 0x23,
            weekday: 5,
            day: 0x29,
            month: 0x02,
            year: 0x24,
            century: Some(0x20),
        };
        assert_eq!(BCD_24.decode(&registers), Some(1_709_249_696));
        assert_eq!(BCD_24.encode(1_709_249_696), Some(registers));
    }

    #[test]
    fn noon_and_midnight_in_12_hour_mode() {
        let at = |seconds| BCD_12.encode(seconds).unwrap().hour;
        assert_eq!([at(0), at(3600), at(43_200), at(82_800)], [0x12, 0x01, 0x92, 0x91]);
    }

    #[test]
    fn an_absent_clock_shows_no_date() {
        for byte in [0x00, 0xff] {
            let registers = RtcRegisters {
                second: byte,
                minute: byte,
                hour: byte,
                weekday: byte,
                day: byte,
                month: byte,
                year: byte,
                century: Some(byte),
            };
            assert_eq!(RtcFormat(byte).decode(&registers), None);
        }
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        let february_30 = RtcRegisters { day: 0x30, ..BCD_24.encode(1_709_249_696).unwrap() };
        assert_eq!(BCD_24.decode(&february_30), None);
    }

    #[test]
    fn a_missing_century_is_the_21st() {
        let registers = RtcRegisters { century: None, ..BCD_24.encode(1_709_249_696).unwrap() };
        assert_eq!(BCD_24.decode(&registers), Some(1_709_249_696));
    }

    #[test]
    fn times_the_registers_cannot_show_are_refused() {
        assert_eq!([BCD_24.encode(-1), BCD_24.encode(253_402_300_800), BCD_24.encode(i64::MAX)], [None; 3]);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(seconds in 0i64..253_402_300_800, format in 0u8..8) {
            let format = RtcFormat(format);
            prop_assert_eq!(format.decode(&format.encode(seconds).unwrap()), Some(seconds));
        }

        #[test]
        fn any_registers_are_survived(raw: [u8; 8], format: u8) {
            let [second, minute, hour, weekday, day, month, year, century] = raw;
            let registers = RtcRegisters { second, minute, hour, weekday, day, month, year, century: Some(century) };
            RtcFormat(format).decode(&registers);
        }
    }
}
