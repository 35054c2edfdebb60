//! The time stamp counter as a clock, measured against one whose speed is known.

use super::cpu::timestamp;
use super::port;
use crate::acpi::{Fadt, Register};

const NS_PER_S: u64 = 1_000_000_000;
/// How long to measure: 2 ms of the 24 in which a guest can boot.
const MEASURE_PER_S: u64 = 500;
/// A reference that has not moved on after as many readings stands still.
const PATIENCE: u32 = 200_000;

const PM_TIMER_HZ: u64 = 3_579_545;
const PIT_HZ: u64 = 1_193_182;
const PIT_CHANNEL_2: u16 = 0x42;
const PIT_COMMAND: u16 = 0x43;
const SPEAKER: u16 = 0x61;

/// Nanoseconds since the guest booted.
#[derive(Debug)]
pub(super) struct Tsc {
    start: u64,
    /// Nanoseconds per tick, with 32 bits after the point.
    scale: u64,
}

impl Tsc {
    /// Measures the counter, since `start`, against the ACPI timer or the PIT.
    pub(super) fn measure(start: u64, fadt: Option<&Fadt>) -> Option<Self> {
        let hz = fadt.and_then(against_pm_timer).or_else(against_pit)?;
        Some(Self { start, scale: (NS_PER_S << 32) / hz })
    }

    /// Nanoseconds since the start.
    pub(super) fn now(&self) -> u64 {
        let ticks = timestamp().wrapping_sub(self.start);
        (u128::from(ticks) * u128::from(self.scale) >> 32) as u64
    }
}

/// Ticks per second, where a measurement makes sense.
fn rate(ticks: u64, reference: u64, reference_hz: u64) -> Option<u64> {
    let hz = ticks.checked_mul(reference_hz)?.checked_div(reference)?;
    (1_000_000..100_000_000_000).contains(&hz).then_some(hz)
}

/// The power management timer counts up at a fixed rate (ACPI 6.5, 4.8.2.1).
fn against_pm_timer(fadt: &Fadt) -> Option<u64> {
    let Some(Register::Port(port)) = fadt.timer else { return None };
    let mask = if fadt.timer_is_32_bit { u32::MAX } else { 0xff_ffff };
    // SAFETY: The tables say that this port is a counter; reading it changes nothing.
    let read = || unsafe { port::read_u32(port) } & mask;
    let (first, start) = (read(), timestamp());
    for _ in 0..PATIENCE {
        let passed = u64::from(read().wrapping_sub(first) & mask);
        if passed >= PM_TIMER_HZ / MEASURE_PER_S {
            return rate(timestamp().wrapping_sub(start), passed, PM_TIMER_HZ);
        }
    }
    None
}

/// The PIT's second channel counts down without interrupting anyone (Intel 8254, mode 0).
fn against_pit() -> Option<u64> {
    let count = PIT_HZ / MEASURE_PER_S;
    // SAFETY: The channel drives the PC's speaker and nothing else; its gate is opened and the speaker kept off. Where
    // there is no PIT nobody listens.
    unsafe {
        port::write_u8(SPEAKER, port::read_u8(SPEAKER) & !0b11 | 0b01);
        port::write_u8(PIT_COMMAND, 0b1011_0000);
        port::write_u8(PIT_CHANNEL_2, count as u8);
        port::write_u8(PIT_CHANNEL_2, (count >> 8) as u8);
        let start = timestamp();
        // The output is low while it counts, so one that is high already does not count.
        if port::read_u8(SPEAKER) & 1 << 5 != 0 {
            return None;
        }
        for _ in 0..PATIENCE {
            if port::read_u8(SPEAKER) & 1 << 5 != 0 {
                return rate(timestamp().wrapping_sub(start), count, PIT_HZ);
            }
        }
    }
    None
}
