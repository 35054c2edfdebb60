//! The CPU's own instructions.

use core::sync::atomic::{Ordering, compiler_fence};

use aarch64_cpu::asm::barrier::{SY, dsb};
use aarch64_cpu::asm::wfi;
use aarch64_cpu::registers::{CNTVCT_EL0, MPIDR_EL1, Readable};

/// The four fields of 8 bits by which this CPU is told from others; the last stands apart.
pub(super) fn affinity() -> u64 {
    MPIDR_EL1.get() & 0xff_00ff_ffff
}

/// Whether this is the CPU with these affinity fields.
pub(crate) fn is_this_cpu(fields: u64) -> bool {
    fields == affinity()
}

/// The generic timer's counter.
pub fn timestamp() -> u64 {
    CNTVCT_EL0.get()
}

/// Stops for good. Only a reset or the host ends this.
pub fn halt() -> ! {
    loop {
        wait_for_interrupt();
    }
}

/// Sleeps until an interrupt is there. One that is there already ends it at once.
pub(super) fn wait_for_interrupt() {
    // The sleep ends without an interrupt being taken, as the entry code has masked them for good. Devices write to memory
    // meanwhile, of which this instruction's own promises to the compiler know nothing.
    dsb(SY);
    wfi();
    compiler_fence(Ordering::SeqCst);
}

/// Sleeps until the timer interrupts, which must be set, or a device: no CPU of this kind can be `deaf` to these alone.
pub(crate) fn sleep_until_timer(_deaf: bool) {
    wait_for_interrupt();
}
