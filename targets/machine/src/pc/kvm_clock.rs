//! KVM's paravirtual clock (Linux, Documentation/virt/kvm/x86/msr.rst and cpuid.rst).

use x86_64::registers::model_specific::Msr;

use crate::arch::{SystemTime, cpuid, hypervisor, system_time};

const FEATURES_LEAF: u32 = 0x4000_0001;
const FEATURE_CLOCKSOURCE2: u32 = 1 << 3;
const WALL_CLOCK_MSR: u32 = 0x4b56_4d00;
const SYSTEM_TIME_MSR: u32 = 0x4b56_4d01;
const ENABLE: u64 = 1;

#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct WallClock {
    version: u32,
    seconds: u32,
    nanoseconds: u32,
}

/// Aligned so as not to cross a page.
#[repr(C, align(64))]
struct Aligned(SystemTime);

static mut SYSTEM_TIME: Aligned = Aligned(SystemTime::ZERO);
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
        // SAFETY: The host keeps the structure there.
        unsafe { system_time((&raw const SYSTEM_TIME).cast()) }
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
