//! A RISC-V CPU in supervisor mode, on QEMU's `virt` machine.

use core::arch::global_asm;
use core::ops::Range;

mod aplic;
mod cpu;
mod finisher;
mod harts;
mod interrupts;
mod plic;
mod rtc;
mod sbi;
mod time;
mod traps;

pub use self::cpu::{halt, timestamp};
pub(crate) use self::cpu::{is_this_cpu, sleep_until_timer};
pub(crate) use self::interrupts::Interrupts;
pub(crate) use self::rtc::Rtc;
pub(crate) use self::sbi::{park_other_cpus, power_off, reboot};
pub(crate) use self::time::{counter_hz, set_timer};

/// The architecture's name, as `uname -m` has it.
pub const ARCHITECTURE: &str = "riscv64";

/// Where there may be RAM, and is mapped. What lies below are devices.
pub(crate) const RAM: Range<u64> = 0x8000_0000..1 << 38;

/// The end of what is mapped.
pub(crate) const MAPPED: u64 = RAM.end;

/// The ways out for a guest that cannot go on, the best one first.
pub(crate) const EXITS: [fn(); 2] = [finisher::fail, power_off];

global_asm!(include_str!("boot.s"));
