//! The board's lamp, which is at pin 0 of port F.

use safe_mmio::fields::ReadPureWrite;
use safe_mmio::{UniqueMmioPointer, field, field_shared};

const PIN_0: u32 = 1 << 0;

/// A GPIO port: chapter 8 of the LM3S6965's data sheet.
#[repr(C)]
pub struct Port {
    _no_pin: u32,
    /// The address of a data register says which pins it has. This one has pin 0.
    pin_0: ReadPureWrite<u32>,
    _other_pins: [u32; 254],
    direction: ReadPureWrite<u32>,
    _interrupts_and_pads: [u32; 70],
    digital: ReadPureWrite<u32>,
}

/// The lamp.
pub struct Lamp(UniqueMmioPointer<'static, Port>);

impl Lamp {
    /// Makes the lamp's pin an output.
    pub fn new(mut port: UniqueMmioPointer<'static, Port>) -> Self {
        field!(port, direction).modify(|pins| pins | PIN_0);
        field!(port, digital).modify(|pins| pins | PIN_0);
        Self(port)
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        field_shared!(self.0, pin_0).read() != 0
    }

    /// Switches it on or off.
    pub fn switch(&mut self, on: bool) {
        field!(self.0, pin_0).write(if on { PIN_0 } else { 0 });
    }
}
