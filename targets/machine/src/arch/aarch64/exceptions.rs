//! Exceptions end in a panic (Arm Architecture Reference Manual for A-profile, D1.3). Interrupts are never taken.

use super::cpu::read_register;

/// Where every exception arrives, on the emergency stack.
#[unsafe(no_mangle)]
extern "C" fn exception() -> ! {
    let (syndrome, instruction) = (read_register!("esr_el1"), read_register!("elr_el1"));
    panic!("exception {syndrome:#x} at {instruction:#x}, address {:#x}", read_register!("far_el1"))
}
