//! Finds virtio consoles, and switches them on.

use core::ops::Range;

use virtio_drivers::PhysAddr;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::error::PciError;
use super::header::{
    BAR_64_BITS, BARS, COMMAND_BUS_MASTER, COMMAND_MEMORY, COMMAND_NO_INTERRUPT, COMMAND_STATUS, HEADER_MULTIFUNCTION,
    HEADER_TYPE, ID, INTERRUPT,
};
use super::structures::{BarPart, structures};
use crate::transport::PciStructures;

/// The transitional and the modern virtio console (virtio 1.2, section 4.1.2): vendor in the lower half, device in the upper.
const CONSOLES: [u32; 2] = [0x1003_1af4, 0x1043_1af4];

/// A virtio console whose registers answer at their addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PciConsole {
    /// Physical addresses of the structures. Several may lie in the same page.
    pub structures: PciStructures<Range<PhysAddr>>,
    /// What firmware wrote to the register Interrupt Line, 1 to 254: on a PC the number of the 8259's input. `None` without one.
    pub interrupt_line: Option<u8>,
}

/// Returns the virtio consoles on all 256 buses, in rising order. Looks for the next one only when it is asked for. Without any,
/// it has read 8,192 words of configuration space or a few more.
///
/// A console need not be on bus 0: libvirt puts it behind a root port on q35, and `pxb-pcie` adds buses that no bridge leads to.
pub fn consoles<C: ConfigurationAccess>(access: &C) -> impl Iterator<Item = DeviceFunction> {
    let devices = (0..=u8::MAX).flat_map(|bus| (0..32).map(move |device| DeviceFunction { bus, device, function: 0 }));
    let functions = devices.flat_map(|device| {
        let functions = match access.read_word(device, ID) {
            u32::MAX => 0,
            _ if access.read_word(device, HEADER_TYPE) & HEADER_MULTIFUNCTION != 0 => 8,
            _ => 1,
        };
        (0..functions).map(move |function| DeviceFunction { function, ..device })
    });
    functions.filter(|&at| CONSOLES.contains(&access.read_word(at, ID)))
}

/// Finds a console's structures and lets the device answer at their addresses, reach memory and interrupt by its line.
///
/// # Errors
/// The device cannot be used. Its registers in memory stay switched off then.
pub fn enable<C: ConfigurationAccess>(access: &mut C, at: DeviceFunction) -> Result<PciConsole, PciError> {
    let status_command = access.read_word(at, COMMAND_STATUS);
    // Off, because `addresses` writes sizing values to the address registers, at which the device must not answer. The upper half
    // of the word is status, in which zeros change nothing.
    let command = status_command & 0xffff & !(COMMAND_MEMORY | COMMAND_NO_INTERRUPT);
    access.write_word(at, COMMAND_STATUS, command);

    let found = structures(|register| access.read_word(at, register))?;
    let mut physical = |part| addresses(access, at, part);
    let (common, notify) = (physical(found.common)?, physical(found.notify)?);
    let (isr, device) = (physical(found.isr)?, physical(found.device)?);
    if common.start % 4 != 0 || notify.start % 2 != 0 || device.start % 4 != 0 {
        return Err(PciError::Malformed);
    }
    access.write_word(at, COMMAND_STATUS, command | COMMAND_MEMORY | COMMAND_BUS_MASTER);
    let [line, pin, ..] = access.read_word(at, INTERRUPT).to_le_bytes();
    Ok(PciConsole {
        structures: PciStructures { common, notify, notify_multiplier: found.notify_multiplier, isr, device },
        interrupt_line: (pin != 0 && !matches!(line, 0 | 0xff)).then_some(line),
    })
}

/// Returns the physical addresses of a part of a BAR.
fn addresses<C: ConfigurationAccess>(
    access: &mut C,
    at: DeviceFunction,
    BarPart { bar, offset, length }: BarPart,
) -> Result<Range<PhysAddr>, PciError> {
    let register = BARS + 4 * bar;
    let low = access.read_word(at, register);
    let high = if low & BAR_64_BITS != 0 { access.read_word(at, register + 4) } else { 0 };
    let base = PhysAddr::from(high) << 32 | PhysAddr::from(low & !0xf);
    if base == 0 {
        return Err(PciError::Unassigned);
    }
    // The address bits that cannot be set tell the size of the device's range (PCI Local Bus 3.0, section 6.2.5.1).
    access.write_word(at, register, u32::MAX);
    let size = (access.read_word(at, register) & !0xf).wrapping_neg();
    access.write_word(at, register, low);
    let end = offset.checked_add(length).filter(|&end| end <= size).ok_or(PciError::Malformed)?;
    let end = base.checked_add(end.into()).ok_or(PciError::Malformed)?;
    Ok(base + PhysAddr::from(offset)..end)
}
