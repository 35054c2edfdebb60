//! What differs between architectures, a folder each, behind the same names.
//!
//! A folder has the entry code, which brings the CPU from where a loader leaves it to `kernel_main`, on a stack with a guard page
//! below, with exceptions that end in last words; and the CPU's own instructions, interrupt controller and timer. What each must
//! offer is listed here, and checked by the compiler. Docs are with each item.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub use aarch64::*;

#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "riscv64")]
pub use riscv64::*;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub use x86_64::*;

/// Says that an item has a type.
macro_rules! must_be {
    ($($item:path: $type:ty;)*) => {
        $(const _: $type = $item;)*
    };
}
pub(crate) use must_be;

must_be! {
    ARCHITECTURE: &str;
    timestamp: fn() -> u64;
    halt: fn() -> !;
}

/// What the board `virt` asks of its CPU besides.
#[cfg(not(target_arch = "x86_64"))]
mod on_virt {
    use core::ops::Range;

    use super::*;
    use crate::device_tree::Tree;

    must_be! {
        RAM: Range<u64>;
        MAPPED: u64;
        park_other_cpus: fn(&Tree<'_>);
        is_this_cpu: fn(u64) -> bool;
        counter_hz: fn() -> Option<u64>;
        set_timer: fn(Option<u64>);
        sleep_until_timer: fn(bool);
        Interrupts::find: fn(&Tree<'_>) -> Option<Interrupts>;
        Interrupts::number: fn(&[u8]) -> Option<u32>;
        Interrupts::unmask: fn(&Interrupts, u32);
        Interrupts::sleep: fn(&Interrupts);
        power_off: fn();
        reboot: fn();
        EXITS: [fn(); EXITS.len()];
        Rtc::find: fn() -> Option<Rtc>;
    }
}
