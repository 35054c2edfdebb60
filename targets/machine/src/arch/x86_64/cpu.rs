//! The CPU's own instructions.

use core::arch::x86_64::{__cpuid, _rdtsc};

use x86_64::VirtAddr;
use x86_64::instructions::{hlt, interrupts, tables};
use x86_64::structures::DescriptorTablePointer;

/// Stops for good. Only a non-maskable interrupt, a reset or the host ends this.
pub fn halt() -> ! {
    interrupts::disable();
    loop {
        hlt();
    }
}

/// Resets the machine by an exception that cannot be handled, which every x86 CPU answers with a shutdown (Intel SDM
/// vol. 3, 6.15) and every PC with a reset.
pub fn triple_fault() -> ! {
    let no_table = DescriptorTablePointer { limit: 0, base: VirtAddr::zero() };
    // SAFETY: Nothing runs after this.
    unsafe { tables::lidt(&no_table) };
    interrupts::int3();
    halt()
}

/// The time stamp counter.
pub fn timestamp() -> u64 {
    // SAFETY: Every 64-bit CPU has the instruction, and this image runs where it is allowed.
    unsafe { _rdtsc() }
}

/// CPUID: eax, ebx, ecx and edx of a leaf.
pub(crate) fn cpuid(leaf: u32) -> [u32; 4] {
    let result = __cpuid(leaf);
    [result.eax, result.ebx, result.ecx, result.edx]
}

/// What CPUID says of the hypervisor: its signature of 12 bytes. Zeros without one.
pub(crate) fn hypervisor() -> [u32; 3] {
    const SIGNATURE_LEAF: u32 = 0x4000_0000;
    let is_present = cpuid(1)[2] & 1 << 31 != 0;
    let [_, ebx, ecx, edx] = if is_present { cpuid(SIGNATURE_LEAF) } else { [0; 4] };
    [ebx, ecx, edx]
}

/// The number of this CPU's local APIC, as far as a MADT's entries of the older kind tell it.
pub(crate) fn apic_id() -> u32 {
    cpuid(1)[1] >> 24
}
