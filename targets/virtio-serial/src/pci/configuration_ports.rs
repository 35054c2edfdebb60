//! Access to configuration space by the I/O ports of a PC.

use core::arch::asm;

use virtio_drivers::transport::pci::bus::{Cam, ConfigurationAccess, DeviceFunction};

use super::port_access::ENABLE;

const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;

/// Configuration space behind the I/O ports 0xcf8 and 0xcfc of a PC (PCI Local Bus 3.0, section 3.2.2.3.2).
#[derive(Debug)]
pub struct ConfigurationPorts(());

impl ConfigurationPorts {
    /// Makes an access to configuration space.
    ///
    /// # Safety
    /// The program must be allowed to use the ports, and nobody else may use them while one of the value's methods runs.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(())
    }

    fn select(at: DeviceFunction, register: u8) {
        let address = ENABLE | Cam::MmioCam.cam_offset(at, register);
        // SAFETY: the write only selects what `DATA` accesses. The caller of `new` promised that nobody else does that meanwhile.
        unsafe { asm!("out dx, eax", in("dx") ADDRESS, in("eax") address, options(nomem, nostack, preserves_flags)) };
    }
}

impl ConfigurationAccess for ConfigurationPorts {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        Self::select(at, register);
        let word;
        // SAFETY: reading configuration space has no effect on memory.
        unsafe { asm!("in eax, dx", in("dx") DATA, out("eax") word, options(nomem, nostack, preserves_flags)) };
        word
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, word: u32) {
        Self::select(at, register);
        // SAFETY: whoever writes is responsible for what the device does then. `enable` lets it reach only memory that its driver
        // tells it of. Memory is written before, because the device may read it at once.
        unsafe { asm!("out dx, eax", in("dx") DATA, in("eax") word, options(nostack, preserves_flags)) };
    }

    unsafe fn unsafe_clone(&self) -> Self {
        Self(())
    }
}
