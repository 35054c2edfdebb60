//! Slots that ACPI speaks for: those of pc, and of q35 unless it has its own (QEMU, docs/specs/acpi_pci_hotplug.rst).
//!
//! Where the registers are, and which number stands for which bus, is in AML alone, which nobody here interprets. QEMU has the
//! registers at a fixed place of each chipset. The numbers are not needed: a device that was let go is gone, as its configuration
//! space then shows. QEMU takes it out of the machine before the instruction is complete that lets it go, so it writes nothing
//! to memory afterwards.

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};
use x86_64::structures::port::{PortRead, PortWrite};

use super::Machine;
use super::config_space::ConfigSpace;
use super::firmware::{fadt, tables};
use super::power::{read_u8, request_acpi, write_u8};
use crate::acpi::GeneralEvents;

/// The chipsets by their host bridges, vendor and device, with the first of the registers.
const CHIPSETS: [(u32, u16); 2] = [(0x1237_8086, 0xae00), (0x29c0_8086, 0x0cc0)];
// Registers of 32 bits, a bit for each slot of the bus that is selected: which devices shall leave, and which to let go.
const LEAVING: u16 = 0x4;
const EJECT: u16 = 0x8;
const SELECT: u16 = 0x10;
/// Their event.
const EVENT: u8 = 1 << 1;

/// Intel 82371SB (PIIX3), and PIRQRC, its routes of PCI's interrupts: each has an ISA interrupt or, with the highest bit, none.
const PIIX3: u32 = 0x7000_8086;
const ROUTES: u8 = 0x60;
const NO_ROUTE: u8 = 0x80;

/// The slots.
#[derive(Debug)]
pub(crate) struct FirmwareSlots {
    events: GeneralEvents,
    first: u16,
    /// How many buses have a number at most.
    buses: u32,
}

impl FirmwareSlots {
    /// `None` on a machine that has none. `buses` is how many it has.
    pub(crate) fn find(_: &Machine, space: ConfigSpace, buses: u32) -> Option<Self> {
        let host = space.read_word(DeviceFunction { bus: 0, device: 0, function: 0 }, 0);
        let (_, first) = CHIPSETS.into_iter().find(|&(id, _)| id == host)?;
        let slots = Self { events: tables()?.general_events()?, first, buses };
        slots.select(0);
        (slots.read(LEAVING) != u32::MAX).then_some(slots)
    }

    /// Has them wake the guest.
    pub(crate) fn arm(&self, machine: &Machine) {
        let (_, enable) = self.events.registers;
        // A register that cannot be written reports no events.
        _ = read_u8(enable).and_then(|enabled| write_u8(enable, enabled | EVENT));
        fadt().into_iter().for_each(|fadt| _ = request_acpi(fadt));
        machine.unmask_isa(self.events.irq);
    }

    /// Whether devices came or shall leave since this was last asked.
    pub(crate) fn take_changes(&self) -> bool {
        let (status, _) = self.events.registers;
        let is_set = read_u8(status).is_ok_and(|events| events & EVENT != 0);
        // Writing a one clears it, and lets go of the interrupt's line.
        is_set && write_u8(status, EVENT).is_ok()
    }

    /// Lets all devices go that shall leave.
    pub(crate) fn let_go(&self) {
        for bus in 0..self.buses {
            self.select(bus);
            let leaving = self.read(LEAVING);
            for slot in (0..32).map(|slot| 1 << slot).filter(|slot| leaving & slot != 0) {
                self.write(EJECT, slot);
            }
        }
    }

    fn select(&self, bus: u32) {
        self.write(SELECT, bus);
    }

    fn read(&self, register: u16) -> u32 {
        // SAFETY: The chipset has these registers here, or nothing; reading this one changes nothing.
        unsafe { u32::read_from_port(self.first + register) }
    }

    fn write(&self, register: u16, value: u32) {
        // SAFETY: As above. What is let go asked for it.
        unsafe { u32::write_to_port(self.first + register, value) }
    }
}

impl Machine {
    /// PCI's configuration space, and the addresses below 4 GiB that devices on its root buses can be given later.
    pub(crate) fn pci(&self) -> Option<(ConfigSpace, core::ops::Range<u64>)> {
        // A PC's RAM ends below, newer UEFI firmware has configuration space there, and the interrupt controllers lie behind.
        let memory = if self.is_microvm() { 0xc000_0000..0xe000_0000 } else { 0xf000_0000..0xfec0_0000 };
        Some((self.config_space()?, memory))
    }

    /// Lets all interrupts of PCI devices wake the guest. Those above ISA's do anyway.
    pub(crate) fn unmask_pci(&self) {
        let Some(space) = self.config_space() else { return };
        let bridge = DeviceFunction { bus: 0, device: 1, function: 0 };
        if space.read_word(bridge, 0) == PIIX3 {
            let routes = space.read_word(bridge, ROUTES).to_le_bytes();
            routes.into_iter().filter(|route| route & NO_ROUTE == 0).for_each(|route| self.unmask_isa(route));
        }
    }

    /// Lets one wake the guest, by its number.
    pub(crate) fn unmask(&self, number: u32) {
        self.interrupts().unmask(number);
    }
}
