//! The clock that KVM and Xen keep in a guest's memory (Linux, Documentation/virt/kvm/x86/msr.rst; Xen, public/xen.h,
//! `struct vcpu_time_info`).

use core::sync::atomic::{Ordering, compiler_fence};

use super::cpu::timestamp;

/// What the hypervisor writes whenever it likes.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct SystemTime {
    version: u32,
    reserved: u32,
    timestamp: u64,
    nanoseconds: u64,
    scale: u32,
    shift: i8,
    flags: u8,
    padding: [u8; 2],
}

impl SystemTime {
    /// Before the hypervisor has written anything.
    pub(crate) const ZERO: Self =
        Self { version: 0, reserved: 0, timestamp: 0, nanoseconds: 0, scale: 0, shift: 0, flags: 0, padding: [0; 2] };
}

/// Nanoseconds since the guest was started.
///
/// # Safety
/// The structure must be the hypervisor's, or be like one.
pub(crate) unsafe fn system_time(clock: *const SystemTime) -> u64 {
    loop {
        // SAFETY: The caller's promise; a reading that the hypervisor's writing fell into is found out and repeated.
        let before = unsafe { clock.read_volatile() };
        compiler_fence(Ordering::SeqCst);
        let now = timestamp();
        // SAFETY: As above.
        let after = unsafe { (&raw const (*clock).version).read_volatile() };
        if before.version == after && after.is_multiple_of(2) {
            let ticks = now.saturating_sub(before.timestamp);
            let ticks = match before.shift {
                shift @ 0.. => ticks.checked_shl(shift.unsigned_abs().into()),
                shift => ticks.checked_shr(shift.unsigned_abs().into()),
            };
            let passed = (u128::from(ticks.unwrap_or(0)) * u128::from(before.scale)) >> 32;
            return before.nanoseconds.wrapping_add(passed as u64);
        }
    }
}
