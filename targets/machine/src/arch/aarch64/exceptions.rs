//! Exceptions end the guest (Arm Architecture Reference Manual for A-profile, D1.3). Interrupts are never taken.

use aarch64_cpu::registers::{ELR_EL1, ESR_EL1, FAR_EL1, Readable};

use crate::last_words::die_of;
use crate::log::{Template, Value::Hex};

/// Where every exception arrives, on the emergency stack.
#[unsafe(no_mangle)]
extern "C" fn exception() -> ! {
    die_of(
        const { Template::new("exception {} at {}, address {}") },
        [Hex(ESR_EL1.get()), Hex(ELR_EL1.get()), Hex(FAR_EL1.get())],
    )
}
