//! The fixed power button (ACPI 6.5, 4.8.2.2.1.1 and 4.8.3.1).
//!
//! Not a microvm's: that one is told of by AML alone, and by an interrupt that is gone before a guest that sleeps on
//! levels looks.

use super::interrupts::Interrupts;
use super::power::{read_u16, request_acpi, write_u16};
use crate::acpi::{ButtonEvents, Fadt, Register};

const POWER_BUTTON: u16 = 1 << 8;

/// The status registers on which the button shows.
#[derive(Debug)]
pub(super) struct PowerButton {
    status: [Option<Register>; 2],
}

impl PowerButton {
    /// Has the button, and nothing else that its registers tell of, wake the guest by the interrupt `gsi`.
    pub(super) fn arm(fadt: &Fadt, events: ButtonEvents, gsi: u32, interrupts: &Interrupts) -> Self {
        let status = events.registers.map(|event| {
            let (status, enable) = event?;
            write_u16(enable, POWER_BUTTON).ok()?;
            Some(status)
        });
        request_acpi(fadt);
        interrupts.unmask(gsi);
        Self { status }
    }

    /// Whether it was pressed since this was last asked.
    pub(super) fn take_press(&self) -> bool {
        let mut pressed = false;
        for &status in self.status.iter().flatten() {
            if read_u16(status).is_ok_and(|events| events & POWER_BUTTON != 0) {
                // Writing a one clears it, and lets go of the interrupt's line.
                pressed |= write_u16(status, POWER_BUTTON).is_ok();
            }
        }
        pressed
    }
}
