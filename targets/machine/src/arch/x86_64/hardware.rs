//! What the machine is made of, beyond what every profile drives.

use super::cpu::apic_id;
use super::identity_map::IdentityMap;
use super::interrupts::Interrupts;
use super::power_button::PowerButton;
use super::suspend::Suspend;
use super::timer::Timer;
use crate::acpi::{Fadt, Processors, Tables};
use crate::memory_blocks::MemoryBlocks;
use crate::start_info::StartInfo;

/// The machine's parts.
#[derive(Debug)]
pub struct Hardware {
    /// The processors, of which only the one that the machine was started on runs.
    pub processors: Processors,
    /// The RAM. `None` if the loader gave no memory map.
    pub memory: Option<MemoryBlocks>,
    pub(super) power_button: Option<PowerButton>,
    pub(super) suspend: Option<Suspend>,
    pub(super) timer: Option<Timer>,
}

impl Hardware {
    /// Finds the parts, and arms the power button; `gsi` says where an ISA interrupt arrives.
    pub(super) fn find(
        start_info: Option<StartInfo<'_>>,
        tables: Option<&Tables<'_, IdentityMap>>,
        fadt: Option<&'static Fadt>,
        interrupts: &Interrupts,
        gsi: impl Fn(u8) -> u32,
    ) -> Self {
        let madt = tables.and_then(Tables::madt);
        let ram = start_info.map(|info| info.ram).unwrap_or_default();
        let suspend = tables.zip(fadt).and_then(|(tables, fadt)| Suspend::find(tables, fadt, &ram));
        let button = fadt.zip(tables.and_then(Tables::button_events));
        Self {
            processors: madt.map_or(Processors::ONE, |madt| madt.processors(apic_id())),
            memory: MemoryBlocks::new(ram),
            power_button: button.map(|(fadt, events)| PowerButton::arm(fadt, events, gsi(events.irq), interrupts)),
            suspend,
            timer: Timer::find(),
        }
    }

    /// Whether the power button was pressed since this was last asked.
    pub fn take_power_button(&self) -> bool {
        self.power_button.as_ref().is_some_and(PowerButton::take_press)
    }
}
