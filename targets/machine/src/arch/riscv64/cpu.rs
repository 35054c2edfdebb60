//! The CPU's own instructions.

use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering};

/// External interrupts, in the register of those that end a sleep.
pub(super) const EXTERNAL_INTERRUPT: usize = 1 << 9;
/// The timer's.
pub(super) const TIMER_INTERRUPT: usize = 1 << 5;

/// The number of the hart that runs; given by the entry code.
#[unsafe(no_mangle)]
static BOOT_HART: AtomicUsize = AtomicUsize::new(0);

/// Reads a control and status register.
macro_rules! read_csr {
    ($register:literal) => {{
        let value: usize;
        // SAFETY: Reading this register changes nothing.
        unsafe { core::arch::asm!(concat!("csrr {}, ", $register), out(reg) value, options(nomem, nostack)) }
        value
    }};
}
pub(super) use read_csr;

/// The number of the hart that runs.
pub(super) fn boot_hart() -> u32 {
    BOOT_HART.load(Ordering::Relaxed) as u32
}

/// Whether this is the hart of a number.
pub(crate) fn is_this_cpu(number: u64) -> bool {
    number == boot_hart().into()
}

/// The real-time counter, which counts at the frequency that the device tree says.
pub fn timestamp() -> u64 {
    read_csr!("time") as u64
}

/// Stops for good. Only a reset or the host ends this.
pub fn halt() -> ! {
    loop {
        // SAFETY: Stopping with nothing to end it touches no memory and no device.
        unsafe { asm!("csrw sie, zero", "wfi", options(nomem, nostack)) }
    }
}

/// Lets interrupts end a sleep.
pub(super) fn wake_by(interrupts: usize) {
    // SAFETY: They are not taken: the entry code has switched that off for good.
    unsafe { asm!("csrs sie, {}", in(reg) interrupts, options(nomem, nostack)) }
}

/// Sleeps until an interrupt that is let through is there. One that is there already ends it at once.
pub(super) fn wait_for_interrupt() {
    // SAFETY: The sleep ends without an interrupt being taken (RISC-V privileged architecture, 3.3.3).
    unsafe { asm!("wfi", options(nostack)) }
}
