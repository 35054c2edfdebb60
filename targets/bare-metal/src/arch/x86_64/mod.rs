//! What only an x86_64 PC has.

use core::arch::{asm, global_asm};

global_asm!(include_str!("boot.s"));

/// Stops the CPU for good.
pub fn halt() -> ! {
    loop {
        // SAFETY: Stopping with interrupts off touches no memory and no device.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) }
    }
}
/// Writes a byte.
/// # Safety
/// x
pub unsafe fn outb(port: u16, value: u8) {
    // SAFETY: x
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack)) }
}
