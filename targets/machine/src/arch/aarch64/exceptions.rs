//! Exceptions end in a panic (Arm Architecture Reference Manual for A-profile, D1.3). Interrupts are never taken.

use aarch64_cpu::registers::{ELR_EL1, ESR_EL1, FAR_EL1, Readable};

/// Where every exception arrives, on the emergency stack.
#[unsafe(no_mangle)]
extern "C" fn exception() -> ! {
    let (syndrome, instruction) = (ESR_EL1.get(), ELR_EL1.get());
    panic!("exception {syndrome:#x} at {instruction:#x}, address {:#x}", FAR_EL1.get())
}
