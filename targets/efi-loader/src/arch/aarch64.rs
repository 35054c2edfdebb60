//! A 64-bit Arm CPU.

use core::arch::{asm, global_asm};
use core::ops::Range;

use aarch64_cpu::asm::barrier::{SY, dsb};

use crate::firmware::Firmware;

/// Where QEMU's machine has its device tree. Firmware that passes ACPI tables does not name the tree, but leaves it there. EDK2
/// puts its first stack into the tree's unused room, behind its last byte.
pub const DEVICE_TREE: Option<usize> = Some(0x4000_0000);
/// The image looks for the device tree below.
pub const RAM_END: u64 = 0x8000_0000;

/// What the image must be told of the CPU: nothing.
#[derive(Clone, Copy, Debug)]
pub struct Cpu;

impl Cpu {
    pub fn ask(_: &Firmware) -> Option<Self> {
        Some(Self)
    }
}

unsafe extern "C" {
    static __loader_start: u8;
    static __loader_end: u8;
    fn enter_without_mmu(image: *const u8, tree: *const u8) -> !;
}

/// Enters the image at its first byte.
///
/// # Safety
/// There must be no firmware any more that needs memory or interrupts.
pub unsafe fn enter(_: Cpu, image: &[u8], tree: &[u8]) -> ! {
    let loader = &raw const __loader_start..&raw const __loader_end;
    // With caches off, the CPU reads from memory.
    for range in [image.as_ptr_range(), tree.as_ptr_range(), loader] {
        clean(range);
    }
    // SAFETY: The caller's promise; the code that runs with caches off was written back above.
    unsafe { enter_without_mmu(image.as_ptr(), tree.as_ptr()) }
}

/// Writes a range of memory back from the caches and invalidates it there.
fn clean(range: Range<*const u8>) {
    // The shortest line that a cache can have.
    for line in (range.start.addr() & !15..range.end.addr()).step_by(16) {
        // aarch64-cpu has no function for this instruction.
        // SAFETY: It does not change what a read returns.
        unsafe { asm!("dc civac, {}", in(reg) line, options(nostack)) }
    }
    dsb(SY);
}

// Firmware runs at EL1 or EL2 with an identity map (UEFI 2.10, 2.3.6), so the next instruction stays where it is.
global_asm!(
    "
    .section .text.enter, \"ax\"
    .global enter_without_mmu
enter_without_mmu:
    msr daifset, #15
    mov x4, x0
    mov x0, x1                      // where the image expects the tree
    mov x3, #0x1005                 // MMU, data and instruction caches
    mrs x2, CurrentEL
    cmp x2, #2 << 2
    b.eq 1f
    mrs x2, sctlr_el1
    bic x2, x2, x3
    msr sctlr_el1, x2
    b 2f
1:  mrs x2, sctlr_el2
    bic x2, x2, x3
    msr sctlr_el2, x2
2:  isb
    ic iallu
    dsb sy
    isb
    br x4
    "
);
