//! The CPU's own instructions.

use core::arch::asm;

/// Reads a system register.
macro_rules! read_register {
    ($register:literal) => {{
        let value: u64;
        // SAFETY: Reading this register changes nothing.
        unsafe { core::arch::asm!(concat!("mrs {}, ", $register), out(reg) value, options(nomem, nostack)) }
        value
    }};
}
pub(super) use read_register;

/// The four fields of 8 bits by which this CPU is told from others; the last stands apart.
pub(super) fn affinity() -> u64 {
    read_register!("mpidr_el1") & 0xff_00ff_ffff
}

/// Whether this is the CPU with these affinity fields.
pub(crate) fn is_this_cpu(fields: u64) -> bool {
    fields == affinity()
}

/// The generic timer's counter.
pub fn timestamp() -> u64 {
    read_register!("cntvct_el0")
}

/// Stops for good. Only a reset or the host ends this.
pub fn halt() -> ! {
    loop {
        wait_for_interrupt();
    }
}

/// Sleeps until an interrupt is there. One that is there already ends it at once.
pub(super) fn wait_for_interrupt() {
    // SAFETY: The sleep ends without an interrupt being taken, as the entry code has masked them for good.
    unsafe { asm!("dsb sy", "wfi", options(nostack)) }
}
