//! The CPU's own instructions.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, _rdtsc};

/// Stops for good. Only a non-maskable interrupt, a reset or the host ends this.
pub fn halt() -> ! {
    loop {
        // SAFETY: Stopping with interrupts off touches no memory and no device.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) }
    }
}

/// Resets the machine by an exception that cannot be handled, which every x86 CPU answers with a shutdown (Intel SDM
/// vol. 3, 6.15) and every PC with a reset.
pub fn triple_fault() -> ! {
    let no_table = [0u16; 5];
    // SAFETY: Nothing runs after this.
    unsafe { asm!("lidt [{}]", "ud2", in(reg) &no_table, options(noreturn)) }
}

/// The time stamp counter.
pub fn timestamp() -> u64 {
    // SAFETY: Every 64-bit CPU has the instruction, and this image runs where it is allowed.
    unsafe { _rdtsc() }
}

/// CPUID: eax, ebx, ecx and edx of a leaf.
pub(super) fn cpuid(leaf: u32) -> [u32; 4] {
    let result = __cpuid(leaf);
    [result.eax, result.ebx, result.ecx, result.edx]
}

/// The number of this CPU's local APIC, as far as a MADT's entries of the older kind tell it.
pub(super) fn apic_id() -> u32 {
    cpuid(1)[1] >> 24
}

/// Reads a model-specific register.
///
/// # Safety
/// The CPU must have the register.
pub(super) unsafe fn read_msr(register: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: The caller knows that the register is there; reading one changes nothing that Rust knows of.
    unsafe { asm!("rdmsr", in("ecx") register, out("eax") low, out("edx") high, options(nomem, nostack)) }
    u64::from(high) << 32 | u64::from(low)
}

/// Writes a model-specific register.
///
/// # Safety
/// The CPU must have the register, and the value must leave memory and control flow as Rust expects them.
pub(super) unsafe fn write_msr(register: u32, value: u64) {
    // SAFETY: The caller's promise.
    unsafe {
        asm!("wrmsr", in("ecx") register, in("eax") value as u32, in("edx") (value >> 32) as u32, options(nostack));
    }
}
