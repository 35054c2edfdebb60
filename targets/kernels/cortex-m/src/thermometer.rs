//! The thermometer that is in the chip: its voltage, as the analog-to-digital converter measures it.
//!
//! QEMU has no temperature. Its converter measures a random number from 512 to 519, which are 35 to 33 °C.

use safe_mmio::fields::{ReadOnly, ReadPure, ReadPureWrite};
use safe_mmio::{UniqueMmioPointer, field, field_shared};

// Of the converter's sequencer 3, which takes one sample.
const ACTIVE: u32 = 1 << 3;
const BY_TIMER: u32 = 5 << 12;
const THERMOMETER_THEN_END: u32 = 1 << 3 | 1 << 1;
const EMPTY: u32 = 1 << 8;

// Of the timer.
const ONE_SHOT: u32 = 1;
const ENABLE: u32 = 1 << 0;
const TRIGGERS_CONVERTER: u32 = 1 << 5;

/// How often to look for the sample. A converter that works has it after some ten times.
const PATIENCE: u32 = 1_000_000;

/// The converter: chapter 12 of the LM3S6965's data sheet.
#[repr(C)]
pub struct Converter {
    active_sequencers: ReadPureWrite<u32>,
    _interrupts_and_overflow: [u32; 4],
    triggers: ReadPureWrite<u32>,
    _other_sequencers: [u32; 35],
    control_3: ReadPureWrite<u32>,
    fifo_3: ReadOnly<u32>,
    fifo_status_3: ReadPure<u32>,
}

/// A timer: chapter 10 of the data sheet.
#[repr(C)]
pub struct Timer {
    _configuration: u32,
    mode: ReadPureWrite<u32>,
    _mode_b: u32,
    control: ReadPureWrite<u32>,
    _interrupts: [u32; 6],
    interval: ReadPureWrite<u32>,
}

/// The thermometer.
pub struct Thermometer {
    converter: UniqueMmioPointer<'static, Converter>,
    timer: UniqueMmioPointer<'static, Timer>,
}

impl Thermometer {
    /// Has the timer begin each measurement: QEMU's converter knows no other beginning.
    pub fn new(
        mut converter: UniqueMmioPointer<'static, Converter>,
        mut timer: UniqueMmioPointer<'static, Timer>,
    ) -> Self {
        field!(converter, triggers).write(BY_TIMER);
        field!(converter, control_3).write(THERMOMETER_THEN_END);
        field!(converter, active_sequencers).write(ACTIVE);
        field!(timer, mode).write(ONE_SHOT);
        field!(timer, interval).write(1);
        Self { converter, timer }
    }

    /// Measures the temperature, in thousandths of a degree Celsius. `None`, if the converter takes no sample.
    pub fn measure(&mut self) -> Option<i32> {
        field!(self.timer, control).write(ENABLE | TRIGGERS_CONVERTER);
        let is_empty = |_: &u32| field_shared!(self.converter, fifo_status_3).read() & EMPTY != 0;
        if (0..PATIENCE).take_while(is_empty).count() == PATIENCE as usize {
            return None;
        }
        let sample = field!(self.converter, fifo_3).read() & 0x3FF;
        // Section 12.3.6 of the data sheet.
        Some(147_500 - 225_000 * sample as i32 / 1023)
    }
}
