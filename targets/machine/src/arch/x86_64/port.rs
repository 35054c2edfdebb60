//! I/O ports.

use core::arch::asm;

/// Reads 8 bits.
///
/// # Safety
/// Reading the port must not take anything from a device that someone else drives.
pub(super) unsafe fn read_u8(port: u16) -> u8 {
    let value;
    // SAFETY: The caller's promise.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags)) }
    value
}

/// Reads 16 bits.
///
/// # Safety
/// As for [`read_u8`].
pub(super) unsafe fn read_u16(port: u16) -> u16 {
    let value;
    // SAFETY: The caller's promise.
    unsafe { asm!("in ax, dx", in("dx") port, out("ax") value, options(nomem, nostack, preserves_flags)) }
    value
}

/// Reads 32 bits.
///
/// # Safety
/// As for [`read_u8`].
pub(super) unsafe fn read_u32(port: u16) -> u32 {
    let value;
    // SAFETY: The caller's promise.
    unsafe { asm!("in eax, dx", in("dx") port, out("eax") value, options(nomem, nostack, preserves_flags)) }
    value
}

/// Writes 8 bits.
///
/// # Safety
/// What the device does in answer must leave memory as Rust expects it, and the device must be no one else's.
pub(super) unsafe fn write_u8(port: u16, value: u8) {
    // SAFETY: The caller's promise.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nostack, preserves_flags)) }
}

/// Writes 16 bits.
///
/// # Safety
/// As for [`write_u8`].
pub(super) unsafe fn write_u16(port: u16, value: u16) {
    // SAFETY: The caller's promise.
    unsafe { asm!("out dx, ax", in("dx") port, in("ax") value, options(nostack, preserves_flags)) }
}

/// Writes 32 bits.
///
/// # Safety
/// As for [`write_u8`].
pub(super) unsafe fn write_u32(port: u16, value: u32) {
    // SAFETY: The caller's promise.
    unsafe { asm!("out dx, eax", in("dx") port, in("eax") value, options(nostack, preserves_flags)) }
}
