//! Calls of the machine's firmware (Arm Power State Coordination Interface, 5.1; SMC Calling Convention 1.4).

use core::arch::asm;

use crate::tree::tree;

const SYSTEM_OFF: u32 = 0x8400_0008;
const SYSTEM_RESET: u32 = 0x8400_0009;

/// Switches the machine off. When it comes back, the firmware cannot.
pub(crate) fn power_off() {
    call(SYSTEM_OFF);
}

/// Resets the machine. When it comes back, the firmware cannot.
pub(crate) fn reboot() {
    call(SYSTEM_RESET);
}

/// Calls a function by the way that the device tree names. Neither of these returns if there is one.
fn call(function: u32) {
    let method = tree().and_then(|tree| tree.compatible("arm,psci-0.2").find_map(|node| node.string("method")));
    // SAFETY: The tree says that somebody takes such calls, which reach no memory.
    unsafe {
        match method {
            Some(b"hvc") => {
                asm!("hvc #0", inlateout("x0") u64::from(function) => _, clobber_abi("C"), options(nostack));
            }
            Some(b"smc") => {
                asm!("smc #0", inlateout("x0") u64::from(function) => _, clobber_abi("C"), options(nostack));
            }
            _ => {}
        }
    }
}
