//! Calls of the machine's firmware (Arm Power State Coordination Interface, 5.1; SMC Calling Convention 1.4).

use smccc::psci::{system_off, system_reset};
use smccc::{Hvc, Smc};

use crate::tree::tree;

/// Switches the machine off. When it comes back, the firmware cannot.
pub(crate) fn power_off() {
    // A call that returns has failed, and why makes no difference.
    let _ = match method() {
        Some(b"hvc") => system_off::<Hvc>(),
        Some(b"smc") => system_off::<Smc>(),
        _ => return,
    };
}

/// Resets the machine. When it comes back, the firmware cannot.
pub(crate) fn reboot() {
    // As above.
    let _ = match method() {
        Some(b"hvc") => system_reset::<Hvc>(),
        Some(b"smc") => system_reset::<Smc>(),
        _ => return,
    };
}

/// How the device tree says that calls are made, if there is somebody who takes them.
fn method() -> Option<&'static [u8]> {
    tree()?.compatible("arm,psci-0.2").find_map(|node| node.string("method"))
}
