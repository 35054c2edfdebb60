//! The local APIC's timer, which counts down to 0 and interrupts there (Intel SDM vol. 3, 10.5.4).

use core::ptr;
use core::sync::atomic::Ordering;

use crate::arch::{LOCAL_APIC, TIMER_VECTOR};

const TIMER: u64 = 0x320;
const INITIAL_COUNT: u64 = 0x380;
const CURRENT_COUNT: u64 = 0x390;
const DIVIDE: u64 = 0x3e0;
const DIVIDE_BY_16: u32 = 0b0011;

/// Nanoseconds per count of QEMU's and KVM's, whose bus has 1 GHz.
pub(super) const EMULATED_NS: u64 = 16;

/// The timer.
#[derive(Clone, Copy, Debug)]
pub(super) struct ApicTimer(u64);

impl ApicTimer {
    /// The timer of the local APIC; `None` without one.
    pub(super) fn find() -> Option<Self> {
        let apic = LOCAL_APIC.load(Ordering::Relaxed);
        (apic != 0).then_some(Self(apic))
    }

    /// Whether QEMU or KVM emulate it.
    pub(super) fn is_emulated() -> bool {
        let signature = crate::arch::hypervisor().map(u32::to_le_bytes);
        matches!(signature.as_flattened(), b"TCGTCGTCGTCG" | b"KVMKVMKVM\0\0\0")
    }

    /// Sets it up, also after a reset.
    pub(super) fn set_up(self) {
        self.write(DIVIDE, DIVIDE_BY_16);
        self.write(TIMER, TIMER_VECTOR.into());
    }

    /// Has it count down from so many counts; 0 stops it.
    pub(super) fn start(self, counts: u32) {
        self.write(INITIAL_COUNT, counts);
    }

    /// The counts that are left.
    pub(super) fn left(self) -> u32 {
        // SAFETY: `find` saw that the local APIC is on; its registers are mapped.
        unsafe { self.at(CURRENT_COUNT).read_volatile() }
    }

    fn write(self, register: u64, value: u32) {
        // SAFETY: As above; the one vector that it is told has a handler.
        unsafe { self.at(register).write_volatile(value) }
    }

    fn at(self, register: u64) -> *mut u32 {
        ptr::with_exposed_provenance_mut((self.0 + register) as usize)
    }
}
