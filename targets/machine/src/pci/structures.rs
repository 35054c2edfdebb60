//! Where a virtio device's registers are, by its capabilities (virtio 1.2, 4.1.4).

use core::{fmt, ops};

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::{COMMAND_BUS_MASTER, COMMAND_MEMORY, interrupt_line};
use crate::memory::Window;

const CAPABILITY_VENDOR: u8 = 9;
pub(super) const STATUS_CAPABILITIES: u32 = 1 << 20;

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
            Self::Unassigned => "its registers have no address",
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

/// What a structure must have so that its driver can use it: its size and the alignment of its address, in bytes.
const NEEDS: [(u32, u32); 4] = [(COMMON_SIZE, 8), (2, 2), (1, 1), (1, 1)];
/// The place of the notification registers among them.
const NOTIFY: usize = 1;

/// Finds a device's structures, checks that they can be reached, and switches the device on. Also returns the number of its
/// interrupt, if firmware has assigned one. `reach` maps physical addresses if need be, and returns whether they are mapped.
///
/// # Errors
/// If the device cannot be used. Its registers in memory stay switched off then.
// Kept whole: the images are smaller so.
#[inline(never)]
pub fn enable<C: ConfigurationAccess>(
    access: &mut C,
    at: DeviceFunction,
    reach: fn(&ops::Range<u64>) -> bool,
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
    // One that is not found has no bytes.
    let mut found = [Window::default(); NEEDS.len()];
    let mut notify_multiplier = 0;
    let mut refused = Unusable::LegacyOnly;
    // Configuration space has room for 48 capabilities; the limit ends a list that loops.
    for _ in 0..48 {
        if pointer < 0x40 {
            break;
        }
        let header = access.read_word(at, pointer);
        let kind = (header >> 24).wrapping_sub(1) as usize;
        let slot = found.get_mut(kind).filter(|slot| header as u8 == CAPABILITY_VENDOR && slot.length == 0);
        // Of each kind, the first that can be used counts (4.1.4.1).
        if let (Some(slot), Some(&need)) = (slot, NEEDS.get(kind)) {
            match structure(access, at, pointer, need, reach) {
                Ok(window) => {
                    *slot = window;
                    if kind == NOTIFY {
                        notify_multiplier = access.read_word(at, pointer + 16);
                    }
                    refused = Unusable::Malformed;
                }
                Err(reason) => refused = reason,
            }
        }
        pointer = (header >> 8) as u8 & 0xfc;
    }
    let [common, notify, isr, device] = found;
    if pointer >= 0x40 || !notify_multiplier.is_multiple_of(2) {
        return Err(Unusable::Malformed);
    }
    if common.length == 0 || notify.length == 0 || isr.length == 0 {
        return Err(refused);
    }
    access.write_word(at, 4, command | COMMAND_MEMORY | COMMAND_BUS_MASTER);
    Ok((Structures { common, notify, notify_multiplier, isr, device }, interrupt_line(access, at)))
}

/// The registers that the capability at `pointer` describes (4.1.4), if all of them can be reached, and they are as large and
/// aligned as they need be.
// Kept whole: the images are smaller so.
#[inline(never)]
fn structure<C: ConfigurationAccess>(
    access: &mut C,
    at: DeviceFunction,
    pointer: u8,
    (size, align): (u32, u32),
    reach: fn(&ops::Range<u64>) -> bool,
) -> Result<Window, Unusable> {
    // The capability has up to five words, which must lie in the 256 bytes of configuration space.
    if pointer > 0xec {
        return Err(Unusable::Malformed);
    }
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
    let space = (access.read_word(at, register) & !0xf).wrapping_neg();
    access.write_word(at, register, low);
    let window = Window { address: address + u64::from(offset), length };
    let is_usable = end <= space && length >= size && (window.address as u32).is_multiple_of(align);
    is_usable.then_some(window).ok_or(Unusable::Malformed)
}
