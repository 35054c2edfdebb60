//! The fixed power button (ACPI 6.5, 4.8.2.2.1.1 and 4.8.3.1).
//!
//! Not a microvm's: that one is told of by AML alone, and by an interrupt that is gone before a guest that sleeps on
//! levels looks.

use super::interrupts::Interrupts;
use super::power::{read_u16, request_acpi, write_u16};
use crate::acpi::{ButtonEvents, Fadt, Register};

const POWER_BUTTON: u16 = 1 << 8;
const WAKE: u16 = 1 << 15;

/// The button.
#[derive(Debug)]
pub(super) struct PowerButton {
    fadt: &'static Fadt,
    /// The status registers on which it shows, with those that enable it.
    registers: [Option<(Register, Register)>; 2],
}

impl PowerButton {
    /// Has the button, and nothing else that its registers tell of, wake the guest by the interrupt `gsi`.
    pub(super) fn arm(fadt: &'static Fadt, events: ButtonEvents, gsi: u32, interrupts: &Interrupts) -> Self {
        let button = Self { fadt, registers: events.registers };
        button.enable();
        interrupts.unmask(gsi);
        button
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
    pub(super) fn take_press(&self) -> bool {
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
