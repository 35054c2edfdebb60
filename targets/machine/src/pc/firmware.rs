//! The tables that firmware left, for whoever has to look up something later.

use crate::acpi::{Fadt, Tables};
use crate::arch::identity_map::IdentityMap;
use crate::cell::FoundAtBoot;

/// The tables of this machine.
pub(super) type MachineTables = Tables<'static, IdentityMap>;

static MEMORY: FoundAtBoot<IdentityMap> = FoundAtBoot::new();
static TABLES: FoundAtBoot<Option<MachineTables>> = FoundAtBoot::new();
static FADT: FoundAtBoot<Option<Fadt>> = FoundAtBoot::new();

/// Finds the tables of a machine that starts, in `memory`, by their root pointer.
pub(super) fn find(memory: IdentityMap, rsdp: u64) -> Option<&'static MachineTables> {
    TABLES.give(Tables::find(MEMORY.give(memory), rsdp)).as_ref()
}

/// The tables. `None` before the machine has started, and on one that has none.
pub(super) fn tables() -> Option<&'static MachineTables> {
    TABLES.get()?.as_ref()
}

/// The fixed description of the machine. `None` before the machine has started, and on one that has none. It is read when somebody
/// first asks for it: the first reply needs nothing of it.
pub(super) fn fadt() -> Option<&'static Fadt> {
    FADT.get().unwrap_or_else(|| FADT.give(tables().and_then(Tables::fadt))).as_ref()
}

/// The memory that they are in. `None` before the machine has started.
pub(super) fn memory() -> Option<&'static IdentityMap> {
    MEMORY.get()
}
