//! A 64-bit PC's CPU.

use core::arch::global_asm;

mod cpu;
pub(crate) mod exceptions;
pub(crate) mod identity_map;
mod interrupts;
mod system_time;

pub(crate) use self::cpu::{apic_id, cpuid, hypervisor, triple_fault};
pub use self::cpu::{halt, timestamp};
#[cfg(feature = "xen")]
pub(crate) use self::interrupts::sleep_by;
pub(crate) use self::interrupts::{Interrupts, LOCAL_APIC, TIMER_VECTOR, sleep_until_timer};
pub(crate) use self::system_time::{SystemTime, system_time};

/// The architecture's name, as `uname -m` has it.
pub const ARCHITECTURE: &str = "x86_64";

global_asm!(include_str!("boot.s"));
global_asm!(include_str!("memcmp.s"));
