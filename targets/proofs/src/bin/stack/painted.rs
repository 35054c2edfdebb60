//! A painted stack of its own for a function: what is left of the paint tells how much it took.

use std::arch::asm;

/// Far more than the engine may take. There is no guard page: a call that takes more than all of it is seen afterwards.
const SIZE: usize = 256 << 10;
const PAINT: u8 = 0xC5;

#[repr(align(16))]
struct Region([u8; SIZE]);

/// A painted stack.
pub struct Stack(Box<Region>);

impl Stack {
    pub fn new() -> Self {
        Self(Box::new(Region([PAINT; SIZE])))
    }

    /// Calls `work` on this stack.
    #[cfg(target_arch = "x86_64")]
    pub fn call<F: FnMut()>(&mut self, mut work: F) {
        extern "sysv64" fn enter<F: FnMut()>(work: &mut F) {
            work();
        }
        let end = self.0.0.as_mut_ptr_range().end;
        // Crates that switch stacks bring code in other languages to build, or guard pages that would be counted.
        // SAFETY: `end` is the end of memory that nothing else uses in the meantime, aligned as the System V ABI demands of a
        // stack before a call. The old stack pointer is kept in a register that the callee restores. Nothing unwinds out of
        // `enter`: an `extern` function aborts instead. It gets the one argument that it has.
        unsafe {
            asm!(
                "mov r12, rsp",
                "mov rsp, {end}",
                "call {enter}",
                "mov rsp, r12",
                end = in(reg) end,
                enter = sym enter::<F>,
                in("rdi") &mut work,
                out("r12") _,
                clobber_abi("sysv64"),
            );
        }
    }

    /// Calls of another architecture are not measured.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn call<F: FnMut()>(&mut self, _: F) {
        panic!("the stack is measured on x86_64 only");
    }

    /// The most bytes that a call took.
    pub fn used(&self) -> usize {
        SIZE - self.0.0.iter().take_while(|byte| **byte == PAINT).count()
    }
}
