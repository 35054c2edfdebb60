//! The generic interrupt controller from version 3 on (Arm IHI 0069): what differs from version 2 is that each CPU has a
//! part of its own, the redistributor, and talks to it by system registers.

use core::arch::asm;

use super::cpu::affinity;
use crate::memory::Window;

const WAKER: usize = 0x14;
const PROCESSOR_SLEEP: u32 = 1 << 1;
const CHILDREN_ASLEEP: u32 = 1 << 2;
const TYPE_HIGH: usize = 0xc;
const TYPE: usize = 0x8;
const LAST: u32 = 1 << 4;
/// There are two more frames, for virtual interrupts.
const VIRTUAL: u32 = 1 << 1;
/// A redistributor's registers, and behind them those of its CPU's private interrupts.
const FRAME: usize = 0x1_0000;
/// How often a redistributor is asked whether it has woken.
const PATIENCE: u32 = 100_000;

/// Has this CPU hear interrupts of every priority, and gives the registers of its private ones: among `redistributors`, the
/// first is asked whose it is, and so on.
pub(super) fn wake(redistributors: Window) -> Option<Window> {
    // Here the last field does not stand apart.
    let wanted = affinity() >> 32 << 24 | affinity() & 0xff_ffff;
    let mut at = 0;
    while at + 2 * FRAME <= redistributors.length as usize {
        // SAFETY: The tree says that these are redistributors, of two frames at least; reading changes nothing.
        let read = |register| unsafe { redistributors.at::<u32>(at + register).read_volatile() };
        if u64::from(read(TYPE_HIGH)) == wanted {
            // SAFETY: As above, and it is this CPU's.
            unsafe { redistributors.at::<u32>(at + WAKER).write_volatile(read(WAKER) & !PROCESSOR_SLEEP) };
            (0..PATIENCE).find(|_| read(WAKER) & CHILDREN_ASLEEP == 0)?;
            // SAFETY: The CPU has these registers where there is such a controller. No interrupt is ever taken.
            unsafe {
                asm!(
                    "msr icc_sre_el1, {one}", "isb", "msr icc_pmr_el1, {all}", "msr icc_igrpen1_el1, {one}", "isb",
                    one = in(reg) 1_u64, all = in(reg) 0xff_u64, options(nostack)
                );
            }
            return Some(Window { address: redistributors.address + (at + FRAME) as u64, length: FRAME as u32 });
        }
        let kind = read(TYPE);
        if kind & LAST != 0 {
            return None;
        }
        at += if kind & VIRTUAL != 0 { 4 } else { 2 } * FRAME;
    }
    None
}
