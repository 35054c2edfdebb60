//! A 64-bit Arm CPU, on QEMU's `virt` machine.

use core::arch::global_asm;
use core::ops::Range;

use crate::device_tree::Tree;

mod cpu;
mod distributor;
mod exceptions;
mod gic_v2;
mod gic_v3;
mod interrupts;
mod log_port;
mod psci;
mod rtc;
mod secure;
mod time;

pub use self::cpu::{halt, timestamp};
pub(crate) use self::cpu::{is_this_cpu, sleep_until_timer};
pub(crate) use self::interrupts::Interrupts;
pub use self::log_port::{LogPort, log_port};
pub(crate) use self::psci::{power_off, reboot};
pub(crate) use self::rtc::Rtc;
pub(crate) use self::time::{counter_hz, set_timer};

/// The architecture's name, as `uname -m` has it.
pub const ARCHITECTURE: &str = "aarch64";

/// Where there may be RAM, and is mapped as such. All else are devices.
pub(crate) const RAM: Range<u64> = 0x4000_0000..0x8000_0000;

/// The end of what is mapped.
pub(crate) const MAPPED: u64 = 1 << 39;

/// Does nothing: other CPUs are off until firmware is told to start them.
pub(crate) fn park_other_cpus(_: &Tree<'_>) {}

/// The way out for a guest that cannot go on. The machine has none that is a failure.
pub(crate) const EXITS: [fn(); 1] = [power_off];

global_asm!(include_str!("boot.s"));
