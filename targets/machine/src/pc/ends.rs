//! How a guest on a PC can end: as it was told at boot.

use x86_64::structures::port::PortWrite;

use super::power;
use crate::cell::FoundAtBoot;

/// QEMU's isa-debug-exit ends it with twice this plus one.
const PANIC_EXIT: u32 = 16;

/// The ways out for a guest that cannot go on, the best one first.
pub(crate) const EXITS: [fn(); 2] = [exit_with_failure, power_off];

static DEBUG_EXIT: FoundAtBoot<Option<u16>> = FoundAtBoot::new();

/// Keeps the I/O port of an isa-debug-exit device for [`EXITS`].
pub(super) fn keep(debug_exit: Option<u16>) {
    DEBUG_EXIT.give(debug_exit);
}

/// Ends QEMU with a failure, where whoever started the guest gave it a device for that.
fn exit_with_failure() {
    #[cfg(feature = "xen")]
    if let Some(domain) = crate::xen::Domain::find() {
        domain.crash();
    }
    if let Some(&Some(port)) = DEBUG_EXIT.get() {
        // SAFETY: Whoever started the guest says that this port ends it.
        unsafe { u32::write_to_port(port, PANIC_EXIT) };
    }
}

fn power_off() {
    // There is nothing else left to try.
    let _ = power::off();
}
