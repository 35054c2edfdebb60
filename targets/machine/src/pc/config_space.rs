//! PCI configuration space: in memory (ECAM) where the tables say so, else through two I/O ports (PCI 3.0, 3.2.2.3.2).

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};
use x86_64::structures::port::{PortRead, PortWrite};

use crate::acpi::Ecam;
use crate::arch::identity_map;
use crate::pci::MappedEcam;

const ADDRESS_PORT: u16 = 0xcf8;
const DATA_PORT: u16 = 0xcfc;
const ENABLE: u32 = 1 << 31;

/// The machine's configuration space.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ConfigSpace {
    Memory(MappedEcam),
    Ports,
}

impl ConfigSpace {
    /// The configuration space of a machine that has the ports.
    pub(super) fn find(ecam: Option<Ecam>) -> Self {
        let reachable = |ecam: &Ecam| {
            let size = (u64::from(ecam.last_bus) + 1) * MappedEcam::BUS_SIZE;
            ecam.address.is_multiple_of(MappedEcam::BUS_SIZE)
                && ecam.address.checked_add(size).is_some_and(|end| end <= identity_map::END)
        };
        match ecam.filter(reachable) {
            // SAFETY: The tables say that it is there; all of it is mapped, as was just seen.
            Some(ecam) => Self::Memory(unsafe { MappedEcam::new(ecam) }),
            None => Self::Ports,
        }
    }

    /// Whether the two ports are there: the address register reads back.
    pub(super) fn has_ports() -> bool {
        // SAFETY: Selecting a register does nothing to it. Without PCI nobody listens.
        unsafe {
            u32::write_to_port(ADDRESS_PORT, ENABLE);
            u32::read_from_port(ADDRESS_PORT) == ENABLE
        }
    }
}

fn word(at: DeviceFunction, register: u8) -> u32 {
    let [bus, device, function] = [at.bus, at.device & 31, at.function & 7].map(u32::from);
    bus << 16 | device << 11 | function << 8 | u32::from(register & !3)
}

impl ConfigurationAccess for ConfigSpace {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        match self {
            Self::Memory(ecam) => ecam.read_word(at, register),
            // SAFETY: One CPU and no interrupt handler that uses these ports: nobody comes between the two accesses.
            Self::Ports => unsafe {
                u32::write_to_port(ADDRESS_PORT, ENABLE | word(at, register));
                u32::read_from_port(DATA_PORT)
            },
        }
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, data: u32) {
        match self {
            Self::Memory(ecam) => ecam.write_word(at, register, data),
            // SAFETY: As for reading. Devices reach memory only where their drivers point them.
            Self::Ports => unsafe {
                u32::write_to_port(ADDRESS_PORT, ENABLE | word(at, register));
                u32::write_to_port(DATA_PORT, data);
            },
        }
    }

    unsafe fn unsafe_clone(&self) -> Self {
        *self
    }
}
