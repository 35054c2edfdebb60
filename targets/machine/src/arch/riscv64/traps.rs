//! Exceptions end the guest (RISC-V privileged architecture, 10.1.8). Interrupts are never taken.

use riscv::register::{scause, sepc, stval};

use crate::last_words::die_of;
use crate::log::{Template, Value::Hex};

/// Where every trap arrives, on the emergency stack.
#[unsafe(no_mangle)]
extern "C" fn trap() -> ! {
    let (cause, instruction, value) = (scause::read().bits(), sepc::read(), stval::read());
    die_of(
        const { Template::new("exception {} at {}, address {}") },
        [cause.into(), Hex(instruction as u64), Hex(value as u64)],
    )
}
