//! Calls of the machine's firmware (Arm Power State Coordination Interface, 5.1; SMC Calling Convention 1.4), and what a machine
//! without firmware has in its place: pins of a PL061 that only the secure state may use.

use core::hint::spin_loop;

use smccc::psci::{system_off, system_reset};
use smccc::{Hvc, Smc};

use super::{counter_hz, secure, timestamp};
use crate::device_tree::cells;
use crate::tree::tree;

/// How long a pin may take to switch the machine off.
const POWER_OFF_SECONDS: u64 = 10;

/// Switches the machine off. When it comes back, the firmware cannot.
pub(crate) fn power_off() {
    if raise_pin("gpio-poweroff").is_some() {
        // QEMU notices only when its main loop has its next turn.
        let (start, limit) = (timestamp(), counter_hz().unwrap_or(0).saturating_mul(POWER_OFF_SECONDS));
        while timestamp().saturating_sub(start) < limit {
            spin_loop();
        }
    }
    // A call that returns has failed, and why makes no difference.
    let _ = match method() {
        Some(b"hvc") => system_off::<Hvc>(),
        Some(b"smc") => system_off::<Smc>(),
        _ => return,
    };
}

/// Resets the machine. When it comes back, the firmware cannot.
pub(crate) fn reboot() {
    raise_pin("gpio-restart");
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

/// Raises the pin of a node of this kind, if EL3 is the image's (Arm DDI 0190, 3.3).
fn raise_pin(with: &str) -> Option<()> {
    const DATA: u64 = 0;
    const DIRECTION: u64 = 0x400;
    let tree = tree().filter(|_| secure::is_ours())?;
    let mut place = cells(tree.nodes().find(|node| node.is_compatible(with))?.property("gpios")?);
    let (registers, _) = tree.by_phandle(place.next()?)?.registers(0)?;
    let pin = 1_u32.checked_shl(place.next()?)?;
    // SAFETY: The tree says that these registers are a PL061's. Their address has a bit for each pin that is written to.
    unsafe {
        secure::write(registers + DIRECTION, pin);
        secure::write(registers + DATA + u64::from(pin) * 4 % 0x400, pin);
    }
    Some(())
}
