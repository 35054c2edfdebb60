//! The CMOS real-time clock (Motorola MC146818A).

use x86_64::structures::port::{PortRead, PortWrite};

use super::firmware::fadt;
use crate::date::{RtcFormat, RtcRegisters};

const INDEX_PORT: u16 = 0x70;
const DATA_PORT: u16 = 0x71;
/// The upper bit of the index port holds non-maskable interrupts back; they stay on.
const INDEX_MASK: u8 = 0x7f;

/// Second, minute, hour, weekday, day, month and year.
const DATE: [u8; 7] = [0, 2, 4, 6, 7, 8, 9];
const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;
const STATUS_D: u8 = 0x0d;
const UPDATE_IN_PROGRESS: u8 = 1 << 7;
const SET: u8 = 1 << 7;
const VALID: u8 = 1 << 7;
/// An update takes 2 ms at most; a clock that is busy for longer than this many readings is none.
const PATIENCE: u32 = 20_000;

/// A clock that is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtc {
    century: Option<u8>,
}

impl Rtc {
    /// The clock, unless the tables deny it or it does not look like one.
    pub(crate) fn find() -> Option<Self> {
        let fadt = fadt();
        let rtc = Self { century: fadt.and_then(|fadt| fadt.rtc_century) };
        let denied = fadt.is_some_and(|fadt| fadt.no_rtc);
        // Its power bit is set and the rest of that register zero, which neither an empty port nor an empty bus shows.
        (!denied && read(STATUS_D) == VALID && rtc.seconds().is_some()).then_some(rtc)
    }

    /// Seconds since 1970. `None` when the clock shows no date.
    pub(crate) fn seconds(self) -> Option<i64> {
        let mut last = None;
        // A reading that an update fell into differs from the next one.
        for _ in 0..8 {
            for _ in 0..PATIENCE {
                if read(STATUS_A) & UPDATE_IN_PROGRESS == 0 {
                    break;
                }
            }
            let shown = (DATE.map(read), self.century.map(read));
            if last == Some(shown) {
                let ([second, minute, hour, weekday, day, month, year], century) = shown;
                let registers = RtcRegisters { second, minute, hour, weekday, day, month, year, century };
                return RtcFormat(read(STATUS_B)).decode(&registers);
            }
            last = Some(shown);
        }
        None
    }

    /// Sets the clock. `None` when it cannot show that time.
    pub(crate) fn set(self, unix_seconds: i64) -> Option<()> {
        let status = read(STATUS_B);
        let registers = RtcFormat(status).encode(unix_seconds)?;
        write(STATUS_B, status | SET);
        let RtcRegisters { second, minute, hour, weekday, day, month, year, .. } = registers;
        let values = [second, minute, hour, weekday, day, month, year];
        DATE.iter().zip(&values).for_each(|(register, value)| write(*register, *value));
        if let (Some(register), Some(century)) = (self.century, registers.century) {
            write(register, century);
        }
        write(STATUS_B, status & !SET);
        Some(())
    }
}

fn read(register: u8) -> u8 {
    // SAFETY: Nobody else uses the clock, and no register that is read here is changed by it.
    unsafe {
        u8::write_to_port(INDEX_PORT, register & INDEX_MASK);
        u8::read_from_port(DATA_PORT)
    }
}

fn write(register: u8, value: u8) {
    // SAFETY: Nobody else uses the clock, and it cannot reach memory.
    unsafe {
        u8::write_to_port(INDEX_PORT, register & INDEX_MASK);
        u8::write_to_port(DATA_PORT, value);
    }
}
