//! Configuration space in memory, called ECAM (PCI Express 6.0, 7.2.2). Of each function's 4 KiB it uses PCI's 256 bytes.

use core::ptr;

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

/// PCI configuration space in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ecam {
    /// Physical address of bus 0's part.
    pub address: u64,
    /// Number of the last bus that is in it.
    pub last_bus: u8,
}

/// PCI configuration space in memory that is mapped.
#[derive(Clone, Copy, Debug)]
pub struct MappedEcam(Ecam);

impl MappedEcam {
    /// Size of a bus's part, in bytes.
    pub const BUS_SIZE: u64 = 1 << 20;

    /// Takes the space as mapped.
    ///
    /// # Safety
    /// All of it must be mapped at its physical address, and be configuration space.
    pub const unsafe fn new(ecam: Ecam) -> Self {
        Self(ecam)
    }

    fn word(&self, at: DeviceFunction, register: u8) -> Option<*mut u32> {
        let place = u32::from(at.bus) << 8 | u32::from(at.device & 31) << 3 | u32::from(at.function & 7);
        let offset = place << 12 | u32::from(register & !3);
        let address = self.0.address + u64::from(offset);
        (at.bus <= self.0.last_bus).then(|| ptr::with_exposed_provenance_mut(address as usize))
    }
}

impl ConfigurationAccess for MappedEcam {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        // SAFETY: The space is mapped, and `word` stays within it.
        self.word(at, register).map_or(u32::MAX, |word| unsafe { word.read_volatile() })
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, data: u32) {
        if let Some(word) = self.word(at, register) {
            // SAFETY: As above. Devices reach memory only where their drivers point them.
            unsafe { word.write_volatile(data) }
        }
    }

    unsafe fn unsafe_clone(&self) -> Self {
        *self
    }
}
