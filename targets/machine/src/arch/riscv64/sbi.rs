//! Calls of the machine's firmware (RISC-V SBI 2.0, chapters 9 and 10).

use sbi_rt::{ColdReboot, NoReason, Shutdown, hart_start, system_reset};

use super::cpu::is_this_cpu;
use crate::device_tree::Tree;

unsafe extern "C" {
    /// Where a hart sleeps for good.
    static park: u8;
}

/// Has all other harts sleep for good. Those that nobody starts may spin in the firmware: OpenSBI 1.1 waits for a device's
/// interrupt, too, and one that is there never goes.
pub(crate) fn park_other_cpus(tree: &Tree<'_>) {
    let harts = tree.processors().filter_map(|hart| hart.registers(0));
    for (hart, _) in harts.filter(|&(hart, _)| !is_this_cpu(hart)) {
        // What fails leaves the hart where it is.
        let _ = hart_start(hart as usize, (&raw const park).addr(), 0);
    }
}

/// Switches the machine off. When it comes back, the firmware cannot.
pub(crate) fn power_off() {
    system_reset(Shutdown, NoReason);
}

/// Resets the machine. When it comes back, the firmware cannot.
pub(crate) fn reboot() {
    system_reset(ColdReboot, NoReason);
}
