//! Finding virtio devices on PCI (PCI Local Bus 3.0, chapter 6; virtio 1.2, 4.1).

use core::fmt;

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

const VENDOR_VIRTIO: u32 = 0x1af4;
const CAPABILITY_VENDOR: u8 = 9;
const COMMAND_MEMORY: u32 = 1 << 1;
const COMMAND_BUS_MASTER: u32 = 1 << 2;
const STATUS_CAPABILITIES: u32 = 1 << 20;
const HEADER_BRIDGE: u8 = 1;
const LAST_MAPPED: u64 = 1 << 32;

/// Calls `visit` for each function on bus 0 and on the buses behind its bridges, with its vendor and device words.
pub fn scan<C: ConfigurationAccess>(access: &C, mut visit: impl FnMut(DeviceFunction, u32)) {
    // A bus is scanned once, whatever bridges claim, so the scan ends.
    let mut to_scan = [false; 256];
    to_scan[0] = true;
    // Firmware numbers buses behind a bridge higher than the bridge's own.
    for bus in 0..=u8::MAX {
        if !to_scan[usize::from(bus)] {
            continue;
        }
        for device in 0..32 {
            let mut functions = 1;
            let mut function = 0;
            while function < functions {
                let at = DeviceFunction { bus, device, function };
                function += 1;
                let id = access.read_word(at, 0);
                if id as u16 == 0xffff {
                    continue;
                }
                let header = (access.read_word(at, 0x0c) >> 16) as u8;
                if header & 0x80 != 0 && at.function == 0 {
                    functions = 8;
                }
                if header & 0x7f == HEADER_BRIDGE {
                    to_scan[usize::from((access.read_word(at, 0x18) >> 8) as u8)] = true;
                }
                visit(at, id);
            }
        }
    }
}

/// The virtio device that vendor and device words announce, transitional or modern (4.1.2).
pub fn virtio_device(id: u32) -> Option<DeviceType> {
    match (id & 0xffff, id >> 16) {
        (VENDOR_VIRTIO, 0x1003) => Some(DeviceType::Console),
        (VENDOR_VIRTIO, modern @ 0x1040..0x1080) => DeviceType::try_from(modern - 0x1040).ok(),
        _ => None,
    }
}

/// Why a virtio device on PCI cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Only the legacy interface is there.
    LegacyOnly,
    /// Firmware has given the registers no address.
    Unassigned,
    /// The registers lie where they are not mapped.
    OutOfReach,
    /// The description of where the registers are contradicts itself.
    Malformed,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LegacyOnly => "legacy only: give the device disable-modern=off",
            Self::Unassigned => "firmware has assigned its registers no address",
            Self::OutOfReach => "its registers lie beyond 4 GiB",
            Self::Malformed => "its capabilities are malformed",
        })
    }
}

/// Checks that a device's registers can be reached, before a driver believes its capabilities, and switches it on.
/// Gives the interrupt that firmware has routed it to, if any.
pub fn enable<C: ConfigurationAccess>(access: &mut C, at: DeviceFunction) -> Result<Option<u8>, Unusable> {
    let status_command = access.read_word(at, 4);
    let mut pointer = match status_command & STATUS_CAPABILITIES {
        0 => 0,
        _ => access.read_word(at, 0x34) as u8 & 0xfc,
    };
    let mut structures = 0;
    // There is no room for more capabilities than this, so a list that leads back into itself ends.
    for _ in 0..48 {
        if pointer < 0x40 {
            break;
        }
        let header = access.read_word(at, pointer);
        if header as u8 == CAPABILITY_VENDOR {
            structures += u32::from(check_structure(access, at, pointer, header)?);
        }
        pointer = (header >> 8) as u8 & 0xfc;
    }
    match (pointer, structures) {
        (0..0x40, 0) => return Err(Unusable::LegacyOnly),
        (0..0x40, _) => {}
        _ => return Err(Unusable::Malformed),
    }
    // The status half is written as zero, which changes none of its bits.
    access.write_word(at, 4, status_command & 0xffff | COMMAND_MEMORY | COMMAND_BUS_MASTER);
    let line = access.read_word(at, 0x3c);
    Ok(((line >> 8) as u8 != 0 && !matches!(line as u8, 0 | 0xff)).then_some(line as u8))
}

/// Whether a vendor capability is one of the four structures a driver uses (4.1.4), and all of it can be reached.
fn check_structure<C: ConfigurationAccess>(
    access: &C,
    at: DeviceFunction,
    pointer: u8,
    header: u32,
) -> Result<bool, Unusable> {
    let kind = (header >> 24) as u8;
    if !(1..=4).contains(&kind) {
        return Ok(false);
    }
    // The structure's four words must lie within the 256 bytes.
    let [bar, offset, length] = match pointer {
        0..=0xf0 => [4, 8, 12].map(|word| access.read_word(at, pointer + word)),
        _ => return Err(Unusable::Malformed),
    };
    let bar = bar as u8;
    if bar > 5 || offset.checked_add(length).is_none() {
        return Err(Unusable::Malformed);
    }
    let low = access.read_word(at, 0x10 + 4 * bar);
    let high = match (low & 7, bar) {
        (0b100, 0..=4) => access.read_word(at, 0x14 + 4 * bar),
        (0b000, _) => 0,
        _ => return Err(Unusable::Malformed),
    };
    let address = u64::from(high) << 32 | u64::from(low & !0xf);
    if address == 0 {
        return Err(Unusable::Unassigned);
    }
    let end = address.checked_add(u64::from(offset) + u64::from(length));
    match end {
        Some(end) if end <= LAST_MAPPED => Ok(true),
        _ => Err(Unusable::OutOfReach),
    }
}

#[cfg(test)]
mod tests;
