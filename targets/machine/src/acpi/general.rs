//! General-purpose events, by which a chipset reports what it alone knows of (ACPI 6.5, 4.8.4.1 and 5.2.9).

use super::fadt::{FLAG_HARDWARE_REDUCED, Register};
use crate::memory::{u16_at, u32_at};

/// The first eight of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneralEvents {
    /// The status and the enable register, a bit for each event.
    pub registers: (Register, Register),
    /// The ISA interrupt that they raise.
    pub irq: u8,
}

impl GeneralEvents {
    /// `None` for a machine without them.
    pub(super) fn parse(table: &[u8]) -> Option<Self> {
        let half = *table.get(92)? / 2;
        if u32_at(table, 112)? & FLAG_HARDWARE_REDUCED != 0 || half == 0 {
            return None;
        }
        let status = Register::either(table, 220, 80)?;
        Some(Self { registers: (status, status.behind(half)?), irq: u8::try_from(u16_at(table, 46)?).ok()? })
    }
}
