//! The memory barrier between rings in memory and registers of the device.

/// Orders every earlier access to memory and to registers before every later one.
///
/// [`core::sync::atomic::fence`] orders accesses to ordinary memory among processors. It is too weak where a register is on one
/// side: a notification must reach the device after the ring that it is about, and a used ring must be read after the interrupt
/// was acknowledged, or the buffer that the device returned in between is never seen.
///
/// The crates `riscv` and `aarch64-cpu` have these two instructions. A kernel that links this driver should not have to take them
/// along for one line each.
pub(crate) fn barrier() {
    // `fence` is `fence rw, rw` here, which does not order device input and output (i, o). Linux' `mb` is the same instruction.
    #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
    // SAFETY: the instruction only orders accesses. It changes no register, no flag, and no memory.
    unsafe {
        core::arch::asm!("fence iorw, iorw", options(nostack, preserves_flags));
    }
    // `fence` is `dmb ish` here. That orders registers, too, but only for observers in the inner shareable domain, which are the
    // processors, and a device may be in the outer one. Linux' `writel` and `readl` have barriers of the outer domain for the same
    // reason. A `dsb` is not needed, because only the order of the accesses counts, not their completion.
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!("dmb osh", options(nostack, preserves_flags));
    }
    // On x86 `fence` orders uncached memory, where registers are, too.
    #[cfg(not(any(target_arch = "riscv32", target_arch = "riscv64", target_arch = "aarch64")))]
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
}
