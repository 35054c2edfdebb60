//! Finds virtio devices on PCI and switches them on (PCI Local Bus 3.0, chapter 6; virtio 1.2, 4.1).

mod assign;
mod ecam;
mod saved;

pub use self::assign::{Range, Resources, assign};
pub use self::ecam::{Ecam, MappedEcam};

use core::{fmt, ops};

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

pub use self::saved::SavedConfiguration;

use crate::memory::Window;

const VENDOR_VIRTIO: u32 = 0x1af4;
const CAPABILITY_VENDOR: u8 = 9;
const COMMAND_MEMORY: u32 = 1 << 1;
const COMMAND_BUS_MASTER: u32 = 1 << 2;
const STATUS_CAPABILITIES: u32 = 1 << 20;
const HEADER_BRIDGE: u8 = 1;
const FOUR_GIB: u64 = 1 << 32;

/// Calls `visit` for each function on bus 0 and on the buses behind bridges, with its first word: vendor and device.
pub fn scan<C: ConfigurationAccess>(access: &C, mut visit: impl FnMut(DeviceFunction, u32)) {
    // Each bus is scanned at most once, whatever numbers bridges have, so the scan ends.
    let mut to_scan = [false; 256];
    to_scan[0] = true;
    // In rising order, because firmware gives the bus behind a bridge a higher number than the bridge's own bus.
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

/// The type of a virtio device, transitional or modern, by a function's first word (4.1.2). `None` for other devices.
pub fn virtio_device(id: u32) -> Option<DeviceType> {
    match (id & 0xffff, id >> 16) {
        (VENDOR_VIRTIO, 0x1000) => Some(DeviceType::Network),
        (VENDOR_VIRTIO, 0x1001) => Some(DeviceType::Block),
        (VENDOR_VIRTIO, 0x1003) => Some(DeviceType::Console),
        (VENDOR_VIRTIO, modern @ 0x1040..0x1080) => DeviceType::try_from(modern - 0x1040).ok(),
        _ => None,
    }
}

/// Why a virtio device on PCI cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The device has only the legacy interface.
    LegacyOnly,
    /// Firmware has assigned the registers no address.
    Unassigned,
    /// The registers lie at addresses that are not mapped and cannot be.
    OutOfReach,
    /// The capabilities, which say where the registers are, are inconsistent.
    Malformed,
}

impl Unusable {
    /// The same in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::LegacyOnly => "legacy only: give the device disable-modern=off",
            Self::Unassigned => "firmware has assigned its registers no address",
            Self::OutOfReach => "its registers lie out of reach",
            Self::Malformed => "its capabilities are malformed",
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// The register blocks of a device that its driver uses (4.1.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Structures {
    /// The common configuration, of at least [`COMMON_SIZE`] bytes, aligned to 8.
    pub common: Window,
    /// The notification registers, aligned to 2.
    pub notify: Window,
    /// Bytes from one queue's notification register to the next one's; even.
    pub notify_multiplier: u32,
    /// The interrupt status, at least one byte.
    pub isr: Window,
    /// The device's own configuration; empty if it has none.
    pub device: Window,
}

/// Size of the common configuration, in bytes.
pub const COMMON_SIZE: u32 = 56;

/// Whether physical addresses lie below 4 GiB, where all machines map devices from the start.
pub fn is_low(addresses: &ops::Range<u64>) -> bool {
    addresses.end <= FOUR_GIB
}

/// Finds a device's structures, checks that they can be reached, and switches the device on. Also returns the number of its
/// interrupt, if firmware has assigned one. `reach` maps physical addresses if need be, and returns whether they are mapped.
///
/// # Errors
/// If the device cannot be used. Its registers in memory stay switched off then.
pub fn enable<C: ConfigurationAccess>(
    access: &mut C,
    at: DeviceFunction,
    reach: impl Fn(&ops::Range<u64>) -> bool,
) -> Result<(Structures, Option<u8>), Unusable> {
    let status_command = access.read_word(at, 4);
    let mut pointer = match status_command & STATUS_CAPABILITIES {
        0 => 0,
        _ => access.read_word(at, 0x34) as u8 & 0xfc,
    };
    // Off, because `structure` writes sizing values to the address registers, at which the device must not answer. The upper
    // half of the word is status, in which zeros change nothing.
    let command = status_command & 0xffff & !COMMAND_MEMORY;
    access.write_word(at, 4, command);
    let mut found = Structures::default();
    // Configuration space has room for 48 capabilities; the limit ends a list that loops.
    for _ in 0..48 {
        if pointer < 0x40 {
            break;
        }
        let header = access.read_word(at, pointer);
        let window = match (header >> 24) as u8 {
            _ if header as u8 != CAPABILITY_VENDOR => None,
            1 => Some(&mut found.common),
            2 => Some(&mut found.notify),
            3 => Some(&mut found.isr),
            4 => Some(&mut found.device),
            _ => None,
        };
        // The device lists the structure that it prefers first (4.1.4.1).
        if let Some(window) = window.filter(|window| window.length == 0) {
            // The capability has up to five words, which must lie in the 256 bytes of configuration space.
            if pointer > 0xec {
                return Err(Unusable::Malformed);
            }
            *window = structure(access, at, pointer, &reach)?;
            if header >> 24 == 2 {
                found.notify_multiplier = access.read_word(at, pointer + 16);
            }
        }
        pointer = (header >> 8) as u8 & 0xfc;
    }
    let Structures { common, notify, notify_multiplier, isr, .. } = found;
    if pointer >= 0x40 {
        return Err(Unusable::Malformed);
    }
    if found == Structures::default() {
        return Err(Unusable::LegacyOnly);
    }
    let whole = common.length >= COMMON_SIZE && notify.length >= 2 && isr.length >= 1;
    let aligned = common.address % 8 == 0 && notify.address % 2 == 0 && notify_multiplier % 2 == 0;
    if !whole || !aligned {
        return Err(Unusable::Malformed);
    }
    access.write_word(at, 4, command | COMMAND_MEMORY | COMMAND_BUS_MASTER);
    let line = access.read_word(at, 0x3c);
    let line = ((line >> 8) as u8 != 0 && !matches!(line as u8, 0 | 0xff)).then_some(line as u8);
    Ok((found, line))
}

/// The registers that the capability at `pointer` describes (4.1.4), if all of them can be reached.
fn structure<C: ConfigurationAccess>(
    access: &mut C,
    at: DeviceFunction,
    pointer: u8,
    reach: impl Fn(&ops::Range<u64>) -> bool,
) -> Result<Window, Unusable> {
    let [bar, offset, length] = [4, 8, 12].map(|word| access.read_word(at, pointer + word));
    let bar = bar as u8;
    let end = offset.checked_add(length).ok_or(Unusable::Malformed)?;
    if bar > 5 {
        return Err(Unusable::Malformed);
    }
    let register = 0x10 + 4 * bar;
    let low = access.read_word(at, register);
    let high = match (low & 7, bar) {
        (0b100, 0..=4) => access.read_word(at, register + 4),
        (0b000, _) => 0,
        _ => return Err(Unusable::Malformed),
    };
    let address = u64::from(high) << 32 | u64::from(low & !0xf);
    if address == 0 {
        return Err(Unusable::Unassigned);
    }
    if !address.checked_add(end.into()).is_some_and(|end| reach(&(address..end))) {
        return Err(Unusable::OutOfReach);
    }
    // The address bits that cannot be set tell the size of the device's range (PCI 3.0, 6.2.5.1).
    access.write_word(at, register, u32::MAX);
    let size = (access.read_word(at, register) & !0xf).wrapping_neg();
    access.write_word(at, register, low);
    if end > size {
        return Err(Unusable::Malformed);
    }
    Ok(Window { address: address + u64::from(offset), length })
}

#[cfg(test)]
mod tests;
