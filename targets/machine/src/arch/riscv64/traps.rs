//! Exceptions end in a panic (RISC-V privileged architecture, 10.1.8). Interrupts are never taken.

use riscv::register::{scause, sepc, stval};

/// Where every trap arrives, on the emergency stack.
#[unsafe(no_mangle)]
extern "C" fn trap() -> ! {
    let (cause, instruction, value) = (scause::read().bits(), sepc::read(), stval::read());
    panic!("exception {cause} at {instruction:#x}, address {value:#x}")
}
