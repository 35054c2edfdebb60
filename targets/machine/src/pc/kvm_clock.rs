//! KVM's paravirtual clock (Linux, Documentation/virt/kvm/x86/msr.rst and cpuid.rst).

use core::sync::atomic::{Ordering, compiler_fence};

use x86_64::registers::model_specific::Msr;

use crate::arch::{cpuid, hypervisor, timestamp};

const FEATURES_LEAF: u32 = 0x4000_0001;
const FEATURE_CLOCKSOURCE2: u32 = 1 << 3;
const WALL_CLOCK_MSR: u32 = 0x4b56_4d00;
const SYSTEM_TIME_MSR: u32 = 0x4b56_4d01;
const ENABLE: u64 = 1;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct SystemTime {
    version: u32,
    reserved: u32,
    timestamp: u64,
    nanoseconds: u64,
    scale: u32,
    shift: i8,
    flags: u8,
    padding: [u8; 2],
}

#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct WallClock {
    version: u32,
    seconds: u32,
    nanoseconds: u32,
}

/// Written by the host whenever it likes. Aligned so as not to cross a page.
static mut SYSTEM_TIME: SystemTime =
    SystemTime { version: 0, reserved: 0, timestamp: 0, nanoseconds: 0, scale: 0, shift: 0, flags: 0, padding: [0; 2] };
static mut WALL_CLOCK: WallClock = WallClock { version: 0, seconds: 0, nanoseconds: 0 };

/// The clock, switched on.
#[derive(Clone, Copy, Debug)]
pub(super) struct KvmClock(());

impl KvmClock {
    /// Switches the clock on, where KVM offers it.
    pub(super) fn find() -> Option<Self> {
        let is_kvm = hypervisor().map(u32::to_le_bytes).as_flattened() == b"KVMKVMKVM\0\0\0";
        if !is_kvm || cpuid(FEATURES_LEAF)[0] & FEATURE_CLOCKSOURCE2 == 0 {
            return None;
        }
        let address = (&raw const SYSTEM_TIME).addr() as u64;
        // SAFETY: The feature bit says that the register is there. The host writes to nothing but the structure, which is
        // read as something that changes at any time.
        unsafe { Msr::new(SYSTEM_TIME_MSR).write(address | ENABLE) };
        Some(Self(()))
    }

    /// Nanoseconds since the guest was started.
    pub(super) fn now(self) -> u64 {
        loop {
            // SAFETY: The structure is the host's; a reading that the host's writing fell into is found out and repeated.
            let before = unsafe { (&raw const SYSTEM_TIME).read_volatile() };
            compiler_fence(Ordering::SeqCst);
            let now = timestamp();
            // SAFETY: As above.
            let after = unsafe { (&raw const SYSTEM_TIME.version).read_volatile() };
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

    /// When the guest was started, in nanoseconds since 1970, by the host's clock as it goes now.
    pub(super) fn started_at(self) -> i64 {
        // SAFETY: The feature bit says that the register is there. The host fills the structure before the write is over.
        let wall = unsafe {
            Msr::new(WALL_CLOCK_MSR).write((&raw const WALL_CLOCK).addr() as u64);
            (&raw const WALL_CLOCK).read_volatile()
        };
        i64::from(wall.seconds) * 1_000_000_000 + i64::from(wall.nanoseconds)
    }
}
