//! The CPU's own instructions.

use core::sync::atomic::{AtomicUsize, Ordering, compiler_fence};

use riscv::asm::wfi;
use riscv::register::sie::{self, Sie};
use riscv::register::time;

/// The number of the hart that runs; given by the entry code.
#[unsafe(no_mangle)]
static BOOT_HART: AtomicUsize = AtomicUsize::new(0);

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
    time::read64()
}

/// Stops for good. Only a reset or the host ends this.
pub fn halt() -> ! {
    // SAFETY: With nothing to end it, a sleep touches no memory and no device.
    unsafe { sie::write(Sie::from_bits(0)) };
    loop {
        wfi();
    }
}

/// Lets devices' interrupts end a sleep.
pub(super) fn wake_by_devices() {
    // SAFETY: They are not taken: the entry code has switched that off for good.
    unsafe { sie::set_sext() }
}

/// Lets the timer's interrupt end a sleep.
pub(super) fn wake_by_timer() {
    // SAFETY: As above.
    unsafe { sie::set_stimer() }
}

/// Sleeps until an interrupt that is let through is there. One that is there already ends it at once.
pub(super) fn wait_for_interrupt() {
    // The sleep ends without an interrupt being taken (RISC-V privileged architecture, 3.3.3). Devices write to memory meanwhile,
    // of which this instruction's own promises to the compiler know nothing.
    compiler_fence(Ordering::SeqCst);
    wfi();
    compiler_fence(Ordering::SeqCst);
}

/// Sleeps until the timer interrupts, which must be set, or a device, unless it is `deaf`.
pub(crate) fn sleep_until_timer(deaf: bool) {
    if deaf {
        // SAFETY: Nothing is taken: see `wake_by_devices`.
        unsafe { sie::clear_sext() }
    }
    wait_for_interrupt();
    wake_by_devices();
}
