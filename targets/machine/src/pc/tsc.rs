//! The time stamp counter as a clock, measured against one whose speed is known.

use core::cell::Cell;

use x86_64::structures::port::{PortRead, PortWrite};

use crate::acpi::{Fadt, Register};
use crate::arch::timestamp;
use crate::tick::Tick;

/// How long to measure: 2 ms of the 24 in which a guest can boot.
const MEASURE_PER_S: u64 = 500;
/// How often both counters are read to have them at one moment.
const TRIES: u32 = 8;
/// A reference that reads the same as many times in a row stands still. Both move on within a microsecond.
const PATIENCE: u32 = 10_000;

const PM_TIMER_HZ: u64 = 3_579_545;
const PIT_HZ: u64 = 1_193_182;
const PIT_CHANNEL_0: u16 = 0x40;
const PIT_COMMAND: u16 = 0x43;

/// Nanoseconds since the guest booted.
#[derive(Debug)]
pub(super) struct Tsc {
    /// The counter at the moment that the clock calls 0.
    start: Cell<u64>,
    tick: Tick,
}

impl Tsc {
    /// Measures the counter, since `start`, against the ACPI timer or the PIT.
    pub(super) fn measure(start: u64, fadt: Option<&Fadt>) -> Option<Self> {
        let hz = fadt.and_then(against_pm_timer).or_else(against_pit)?;
        Some(Self { start: Cell::new(start), tick: Tick::of_hz(hz) })
    }

    /// Nanoseconds since the start.
    pub(super) fn now(&self) -> u64 {
        self.tick.ns(timestamp().wrapping_sub(self.start.get()))
    }

    /// The counter begins anew: from now on the clock shows `ns`, or a nanosecond more.
    pub(super) fn go_on_from(&self, ns: u64) {
        self.start.set(timestamp().wrapping_sub(self.tick.in_ns(ns)));
    }
}

/// Ticks per second, measured against a counter that counts up at `hz` and wraps at `mask`.
fn against(hz: u64, mask: u32, read: impl Fn() -> u32) -> Option<u64> {
    let (first, start) = together(&read);
    let (mut last, mut still) = (first, 0);
    while still < PATIENCE {
        let count = read();
        if u64::from(count.wrapping_sub(first) & mask) >= hz / MEASURE_PER_S {
            let (count, end) = together(&read);
            let passed = u64::from(count.wrapping_sub(first) & mask);
            let rate = end.wrapping_sub(start).checked_mul(hz)?.checked_div(passed)?;
            return (1_000_000..100_000_000_000).contains(&rate).then_some(rate);
        }
        still = if count == last { still + 1 } else { 0 };
        last = count;
    }
    None
}

/// What both counters show at one moment. The host may take the processor away between two reads, so of several tries the
/// shortest counts.
fn together(read: &impl Fn() -> u32) -> (u32, u64) {
    let (mut shown, mut shortest) = ((0, 0), u64::MAX);
    for _ in 0..TRIES {
        let before = timestamp();
        let count = read();
        let took = timestamp().wrapping_sub(before);
        if took < shortest {
            (shown, shortest) = ((count, before), took);
        }
    }
    shown
}

/// The power management timer (ACPI 6.5, 4.8.2.1).
fn against_pm_timer(fadt: &Fadt) -> Option<u64> {
    let Some(Register::Port(port)) = fadt.timer else { return None };
    let mask = if fadt.timer_is_32_bit { u32::MAX } else { 0xff_ffff };
    // SAFETY: The tables say that this port is a counter; reading it changes nothing.
    against(PM_TIMER_HZ, mask, || unsafe { u32::read_from_port(port) })
}

/// The PIT's first channel as a rate generator (Intel 8254, mode 2). Its interrupt is masked, and the other channels'
/// gate and output are wired to a speaker that not every machine has.
fn against_pit() -> Option<u64> {
    const MODE_2: u8 = 0b0011_0100;
    const LATCH: u8 = 0;
    // SAFETY: Nobody else uses the channel. Where there is no PIT nobody listens.
    unsafe {
        u8::write_to_port(PIT_COMMAND, MODE_2);
        u8::write_to_port(PIT_CHANNEL_0, 0);
        u8::write_to_port(PIT_CHANNEL_0, 0);
    }
    against(PIT_HZ, 0xffff, || {
        // SAFETY: As above.
        let count = unsafe {
            u8::write_to_port(PIT_COMMAND, LATCH);
            u16::from_le_bytes([u8::read_from_port(PIT_CHANNEL_0), u8::read_from_port(PIT_CHANNEL_0)])
        };
        // It counts down.
        u32::from(count.wrapping_neg())
    })
}
