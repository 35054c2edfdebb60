//! Exceptions end the guest (Arm Architecture Reference Manual for A-profile, D1.3). Interrupts are never taken.

use super::cpu::read_register;
use crate::last_words::die_of;
use crate::log::{Template, Value::Hex};

/// Where every exception arrives, on the emergency stack.
#[unsafe(no_mangle)]
extern "C" fn exception() -> ! {
    let (syndrome, instruction) = (read_register!("esr_el1"), read_register!("elr_el1"));
    die_of(
        const { Template::new("exception {} at {}, address {}") },
        [Hex(syndrome), Hex(instruction), Hex(read_register!("far_el1"))],
    )
}
