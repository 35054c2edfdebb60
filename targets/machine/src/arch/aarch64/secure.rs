//! What only EL3 may do, on a machine where nobody else is there: QEMU enters the image at EL3 if `virt` has `secure=on`.

use core::arch::asm;
use core::sync::atomic::{AtomicU8, Ordering};

/// The register CurrentEL as it was when the image was entered; given by the entry code.
#[unsafe(no_mangle)]
static FIRST_LEVEL: AtomicU8 = AtomicU8::new(0);

const EL3: u8 = 3 << 2;

/// Whether the image was entered at EL3.
pub(super) fn is_ours() -> bool {
    FIRST_LEVEL.load(Ordering::Relaxed) == EL3
}

/// Writes to a register that only the secure state may write to, or does nothing if EL3 is not the image's.
///
/// # Safety
/// The address must be that of a device's register, and below 2 GiB, where firmware's calls begin.
pub(super) unsafe fn write(register: u64, value: u32) {
    if is_ours() {
        // SAFETY: The entry code answers this call and does no more than to write the register.
        unsafe { asm!("smc #0", inout("x0") register => _, in("x1") u64::from(value), options(nostack)) };
    }
}
