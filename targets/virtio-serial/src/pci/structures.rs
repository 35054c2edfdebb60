//! Where a device's virtio structures lie, by its capabilities (virtio 1.2, section 4.1.4).

use super::error::PciError;
use super::header::{BARS, CAPABILITIES, COMMAND_STATUS, STATUS_CAPABILITIES};
use crate::transport::PciStructures;

const VENDOR_SPECIFIC: u8 = 9;
/// The first byte of configuration space that a capability can have.
const FIRST_CAPABILITY: u8 = 0x40;
/// The last byte at which one of five words can begin: configuration space has 256 bytes.
const LAST_CAPABILITY: u8 = 0xec;
/// Number of capabilities for which configuration space has room. Ends a list that loops.
const MAX_CAPABILITIES: usize = 48;

/// A part of a device's BAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarPart {
    /// The BAR's number, 0 to 5. It is in memory, and not in I/O ports.
    pub bar: u8,
    /// Where the part begins in the BAR, in bytes.
    pub offset: u32,
    /// Size of the part in bytes, at least 1. The BAR may be smaller than the device says here.
    pub length: u32,
}

/// Reads from a device's capabilities where its structures lie. `read` reads the word at a byte of its configuration space.
///
/// It is for kernels whose own PCI driver gives access to BARs, such as UEFI firmware; [`enable`](super::enable) returns physical
/// addresses.
///
/// ```
/// use virtio_drivers::transport::DeviceType;
/// use virtio_serial::pci;
/// use virtio_serial::transport::{MappedRegisters, PciTransport};
///
/// /// A virtio console, by a kernel's functions for it: one that reads configuration space, and one that maps a part of a BAR.
/// fn console(
///     read: impl Fn(u8) -> u32,
///     map: impl FnMut(pci::BarPart) -> Option<MappedRegisters>,
/// ) -> Option<PciTransport<MappedRegisters>> {
///     PciTransport::new(DeviceType::Console, pci::structures(read).ok()?.try_map(map)?).ok()
/// }
/// ```
///
/// # Errors
/// There are no such capabilities, or they make no sense.
pub fn structures(read: impl Fn(u8) -> u32) -> Result<PciStructures<BarPart>, PciError> {
    let mut found = [None; 4];
    let mut notify_multiplier = 0;
    let mut is_modern = false;
    let mut pointer = match read(COMMAND_STATUS) & STATUS_CAPABILITIES {
        0 => 0,
        _ => read(CAPABILITIES) as u8 & 0xfc,
    };
    for _ in 0..MAX_CAPABILITIES {
        if pointer < FIRST_CAPABILITY {
            break;
        }
        let header = read(pointer);
        let kind = header >> 24;
        // Types 1 to 4 are the four structures. The device lists the one of a type that it prefers first (section 4.1.4.1).
        let slot = found.get_mut((kind as usize).wrapping_sub(1)).filter(|_| header as u8 == VENDOR_SPECIFIC);
        if let Some(slot) = slot
            && slot.is_none()
        {
            is_modern = true;
            *slot = part(&read, pointer)?;
            if slot.is_some() && kind == 2 {
                notify_multiplier = read(pointer + 16);
            }
        }
        pointer = (header >> 8) as u8 & 0xfc;
    }
    match found {
        [Some(common), Some(notify), Some(isr), Some(device)] => {
            Ok(PciStructures { common, notify, notify_multiplier, isr, device })
        }
        _ if is_modern => Err(PciError::Malformed),
        _ => Err(PciError::LegacyOnly),
    }
}

/// What the capability at `pointer` describes. `None` if that is in I/O ports or a reserved BAR, which drivers must ignore.
fn part(read: &impl Fn(u8) -> u32, pointer: u8) -> Result<Option<BarPart>, PciError> {
    if pointer > LAST_CAPABILITY {
        return Err(PciError::Malformed);
    }
    let [bar, offset, length] = [4, 8, 12].map(|word| read(pointer + word));
    let bar = bar as u8;
    let is_in_memory = match bar {
        // One of 64 bits takes the place of two.
        0..=4 => matches!(read(BARS + 4 * bar) & 7, 0b000 | 0b100),
        5 => read(BARS + 4 * bar) & 7 == 0b000,
        _ => false,
    };
    match is_in_memory {
        true if length == 0 => Err(PciError::Malformed),
        true => Ok(Some(BarPart { bar, offset, length })),
        false => Ok(None),
    }
}
