//! What a reset takes from PCI devices and bridges, kept and put back: what firmware has set up (PCI 3.0, 6.1 and 6.2;
//! PCI-to-PCI Bridge Architecture 1.2, 3.2).

use heapless::Vec;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::{HEADER_BRIDGE, scan};

/// Registers of a device, without the command register: base addresses, ROM, interrupt.
const DEVICE: [u8; 8] = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30, 0x3c];
/// Registers of a bridge: base addresses, bus numbers, windows, ROM, interrupt and bridge control.
const BRIDGE: [u8; 11] = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x38, 0x3c];
const COMMAND: u8 = 0x04;
const SECONDARY_STATUS: u8 = 0x1c;
/// 64 functions, of which each has at most this many registers.
const MAX_WORDS: usize = 64 * (BRIDGE.len() + 1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    at: DeviceFunction,
    register: u8,
    /// The bits that are kept: status bits would be cleared by being written.
    mask: u32,
    value: u32,
}

/// The configuration of all devices.
#[derive(Debug)]
pub struct SavedConfiguration(Vec<Word, MAX_WORDS>);

impl SavedConfiguration {
    /// The configuration as it is. `None` if there are more devices than there is room for.
    pub fn take<C: ConfigurationAccess>(access: &C) -> Option<Self> {
        let mut words = Vec::new();
        let mut whole = true;
        scan(access, |at, id| {
            let is_bridge = (access.read_word(at, 0x0c) >> 16) as u8 & 0x7f == HEADER_BRIDGE;
            let registers: &[u8] = if is_bridge { &BRIDGE } else { &DEVICE };
            // The command register comes last: it is what makes a device use the others.
            for &register in registers.iter().chain(of_chipset(id)).chain(&[COMMAND]) {
                let has_status = register == COMMAND || is_bridge && register == SECONDARY_STATUS;
                let mask = if has_status { 0xffff } else { u32::MAX };
                let value = access.read_word(at, register) & mask;
                whole &= words.push(Word { at, register, mask, value }).is_ok();
            }
        });
        whole.then_some(Self(words))
    }

    /// Puts back what has changed, a bridge before what is behind it.
    pub fn restore<C: ConfigurationAccess>(&self, access: &mut C) {
        for &Word { at, register, mask, value } in &self.0 {
            if access.read_word(at, register) & mask != value {
                access.write_word(at, register, value);
            }
        }
    }
}

/// Registers of the chipset, beyond a device's standard ones, without which the others are of no use. Firmware should
/// restore most of these itself; on q35, SeaBIOS 1.16 was seen to do so neither with the window to configuration space nor
/// with the power management registers.
fn of_chipset(id: u32) -> &'static [u8] {
    match id {
        // Intel 82371SB (PIIX3): PIRQRC, where the interrupts of PCI arrive.
        0x7000_8086 => &[0x60],
        // Intel Q35: PCIEXBAR, the window; the half with the enabling bit comes last.
        0x29c0_8086 => &[0x64, 0x60],
        // Intel ICH9: PMBASE, ACPI_CNTL, where the interrupts of PCI arrive, RCBA.
        0x2918_8086 => &[0x40, 0x44, 0x60, 0x68, 0xf0],
        _ => &[],
    }
}
