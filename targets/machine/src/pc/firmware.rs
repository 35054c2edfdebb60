//! The tables that firmware left, for whoever has to look up something later.

use crate::acpi::{Fadt, Tables};
use crate::arch::identity_map::IdentityMap;
use crate::cell::FoundAtBoot;

static MEMORY: FoundAtBoot<IdentityMap> = FoundAtBoot::new();
static FADT: FoundAtBoot<Option<Fadt>> = FoundAtBoot::new();

/// Finds the tables of a machine that starts, in `memory`, by their root pointer.
pub(super) fn find(memory: IdentityMap, rsdp: u64) -> Option<Tables<'static, IdentityMap>> {
    let tables = Tables::find(MEMORY.give(memory), rsdp);
    FADT.give(tables.as_ref().and_then(Tables::fadt));
    tables
}

/// The memory that they are in. `None` before the machine has started.
pub(super) fn memory() -> Option<&'static IdentityMap> {
    MEMORY.get()
}

/// The fixed description of the machine. `None` before the machine has started, and on one that has none.
pub(super) fn fadt() -> Option<&'static Fadt> {
    FADT.get()?.as_ref()
}
