//! Exceptions end in a panic (RISC-V privileged architecture, 10.1.8). Interrupts are never taken.

use super::cpu::read_csr;

/// Where every trap arrives, on the emergency stack.
#[unsafe(no_mangle)]
extern "C" fn trap() -> ! {
    let (cause, instruction, value) = (read_csr!("scause"), read_csr!("sepc"), read_csr!("stval"));
    panic!("exception {cause} at {instruction:#x}, address {value:#x}")
}
