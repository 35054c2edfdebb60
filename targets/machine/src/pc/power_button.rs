//! The fixed power button (ACPI 6.5, 4.8.2.2.1.1 and 4.8.3.1).
//!
//! Not a microvm's: that one is told of by AML alone, and by an interrupt that is gone before a guest that sleeps on
//! levels looks.

use super::Machine;
use super::firmware::{fadt, tables};
use super::power::{read_u16, request_acpi, write_u16};
use crate::acpi::{Fadt, Register};

const POWER_BUTTON: u16 = 1 << 8;
const WAKE: u16 = 1 << 15;

/// The button.
#[derive(Debug)]
pub struct PowerButton {
    fadt: &'static Fadt,
    /// The status registers on which it shows, with those that enable it.
    registers: [Option<(Register, Register)>; 2],
}

impl PowerButton {
    /// Finds the button and has it, and nothing else that its registers tell of, wake the guest.
    pub fn find(machine: &Machine) -> Option<Self> {
        let (fadt, events) = fadt().zip(tables()?.button_events())?;
        let button = Self { fadt, registers: events.registers };
        button.enable();
        machine.unmask_isa(events.irq);
        Some(button)
    }

    /// Arms it again when the machine has woken. A press that did that, or that firmware took for it, has had its effect.
    pub(super) fn rearm(&self) {
        for &(status, _) in self.registers.iter().flatten() {
            // A register that cannot be written has nothing to be read from it either.
            let _ = write_u16(status, POWER_BUTTON | WAKE);
        }
        self.enable();
    }

    fn enable(&self) {
        for &(_, enable) in self.registers.iter().flatten() {
            // A register that cannot be written shows no press.
            let _ = write_u16(enable, POWER_BUTTON);
        }
        request_acpi(self.fadt);
    }

    /// Whether it was pressed since this was last asked.
    pub fn take_press(&self) -> bool {
        let mut pressed = false;
        for &(status, _) in self.registers.iter().flatten() {
            if read_u16(status).is_ok_and(|events| events & POWER_BUTTON != 0) {
                // Writing a one clears it, and lets go of the interrupt's line.
                pressed |= write_u16(status, POWER_BUTTON).is_ok();
            }
        }
        pressed
    }
}
