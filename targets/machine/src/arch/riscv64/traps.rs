//! Exceptions end the guest (RISC-V privileged architecture, 10.1.8). Interrupts are never taken.

use super::cpu::read_csr;
use crate::last_words::die_of;
use crate::log::{Template, Value::Hex};

/// Where every trap arrives, on the emergency stack.
#[unsafe(no_mangle)]
extern "C" fn trap() -> ! {
    let (cause, instruction, value) = (read_csr!("scause"), read_csr!("sepc"), read_csr!("stval"));
    die_of(
        const { Template::new("exception {} at {}, address {}") },
        [cause.into(), Hex(instruction as u64), Hex(value as u64)],
    )
}
