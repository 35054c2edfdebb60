//! How a guest on a PC can end: as it was told at boot.

use x86_64::structures::port::PortWrite;

use super::{firmware, power};
use crate::acpi::SleepTypes;
use crate::cell::FoundAtBoot;

/// QEMU's isa-debug-exit ends it with twice this plus one.
const PANIC_EXIT: u32 = 16;

/// The ways out for a guest that cannot go on, the best one first.
pub(crate) const EXITS: [fn(); 2] = [exit_with_failure, power_off_if_known];

static ENDS: FoundAtBoot<Ends> = FoundAtBoot::new();

/// The ends that the machine offers.
#[derive(Debug)]
pub(super) struct Ends {
    /// I/O port of an isa-debug-exit device.
    pub(super) debug_exit: Option<u16>,
    /// What ACPI's tables say of power-off.
    pub(super) power_off: Option<SleepTypes>,
}

impl Ends {
    /// Keeps them for [`EXITS`].
    pub(super) fn keep(self) -> &'static Self {
        ENDS.give(self)
    }
}

/// Ends QEMU with a failure, where whoever started the guest gave it a device for that.
fn exit_with_failure() {
    if let Some(port) = ENDS.get().and_then(|ends| ends.debug_exit) {
        // SAFETY: Whoever started the guest says that this port ends it.
        unsafe { u32::write_to_port(port, PANIC_EXIT) };
    }
}

fn power_off_if_known() {
    if let Some((fadt, Ends { power_off, .. })) = firmware::fadt().zip(ENDS.get()) {
        // There is nothing else left to try.
        let _ = power::enter(fadt, *power_off);
    }
}
