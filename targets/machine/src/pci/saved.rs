//! Saves and restores the configuration of PCI devices and bridges over a reset, which clears what firmware has set up (PCI
//! 3.0, 6.1 and 6.2; PCI-to-PCI Bridge Architecture 1.2, 3.2).

use heapless::Vec;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::scan;

const HEADER_BRIDGE: u8 = 1;

/// The registers of a device but the command register: base addresses, ROM, interrupt.
const DEVICE: [u8; 8] = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30, 0x3c];
/// The same of a bridge: base addresses, bus numbers, windows, ROM, interrupt and bridge control.
const BRIDGE: [u8; 11] = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x38, 0x3c];
const COMMAND: u8 = 0x04;
const SECONDARY_STATUS: u8 = 0x1c;
/// Room for 64 functions, each with as many registers as a bridge and the command register.
const MAX_WORDS: usize = 64 * (BRIDGE.len() + 1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    at: DeviceFunction,
    register: u8,
    /// The bits that are saved. Status bits are not: writing ones would clear them.
    mask: u32,
    value: u32,
}

/// The configuration of all devices.
#[derive(Debug)]
pub struct SavedConfiguration(Vec<Word, MAX_WORDS>);

impl SavedConfiguration {
    /// Saves the configuration. `None` if there are too many devices.
    pub fn take<C: ConfigurationAccess>(access: &C) -> Option<Self> {
        let mut words = Vec::new();
        let mut whole = true;
        scan(access, &mut |at, id| {
            let is_bridge = (access.read_word(at, 0x0c) >> 16) as u8 & 0x7f == HEADER_BRIDGE;
            let registers: &[u8] = if is_bridge { &BRIDGE } else { &DEVICE };
            // The command register comes last, because it switches on what the others configure.
            for &register in registers.iter().chain(of_chipset(id)).chain(&[COMMAND]) {
                let has_status = register == COMMAND || is_bridge && register == SECONDARY_STATUS;
                let mask = if has_status { 0xffff } else { u32::MAX };
                let value = access.read_word(at, register) & mask;
                whole &= words.push(Word { at, register, mask, value }).is_ok();
            }
        });
        whole.then_some(Self(words))
    }

    /// Writes the registers that have changed, a bridge's before those of the devices behind it.
    pub fn restore<C: ConfigurationAccess>(&self, access: &mut C) {
        for &Word { at, register, mask, value } in &self.0 {
            if access.read_word(at, register) & mask != value {
                access.write_word(at, register, value);
            }
        }
    }
}

/// Registers of a chipset's own without which the standard ones do not work. Firmware should restore most of them itself.
/// On q35, SeaBIOS 1.16 restores neither the window to configuration space nor the power management registers.
fn of_chipset(id: u32) -> &'static [u8] {
    match id {
        // Intel 82371SB (PIIX3): PIRQRC, the routes of PCI's interrupts.
        0x7000_8086 => &[0x60],
        // Intel Q35: PCIEXBAR, the window to configuration space. The half with the enable bit comes last.
        0x29c0_8086 => &[0x64, 0x60],
        // Intel ICH9: PMBASE, ACPI_CNTL, the routes of PCI's interrupts, RCBA.
        0x2918_8086 => &[0x40, 0x44, 0x60, 0x68, 0xf0],
        _ => &[],
    }
}
