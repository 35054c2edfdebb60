//! Finds devices on PCI and switches virtio's on (PCI Local Bus 3.0, chapter 6; virtio 1.2, 4.1).

mod assign;
mod ecam;
mod free;
mod functions;
mod legacy;
mod saved;
mod serial;
mod slots;
mod structures;

pub use self::assign::{Range, Resources, assign, assign_bus_0};
pub use self::ecam::{Ecam, MappedEcam};

use core::ops;

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

pub use self::free::{assign_free, open_window};
pub use self::legacy::{LEGACY_SIZE, enable_legacy};
pub use self::saved::SavedConfiguration;
pub use self::serial::enable_serial;
pub use self::slots::Slots;
pub use self::structures::{COMMON_SIZE, Structures, Unusable, enable};

use self::functions::{Function, Functions};

const VENDOR_VIRTIO: u32 = 0x1af4;
const COMMAND_IO: u32 = 1 << 0;
const COMMAND_MEMORY: u32 = 1 << 1;
const COMMAND_BUS_MASTER: u32 = 1 << 2;
const COMMAND_NO_INTERRUPT: u32 = 1 << 10;
const FOUR_GIB: u64 = 1 << 32;

/// Calls `visit` for each function on the root buses and on the buses behind bridges, with its first word: vendor and device.
///
/// Which root buses there are, ACPI says only in AML (`_BBN` and `_CRS`), which nobody here interprets. But QEMU has a device on
/// bus 0 for each of them (`pxb`, `pxb-pcie`). So if there is a host bridge beside the first one, all buses are searched.
pub fn scan<C: ConfigurationAccess>(access: &C, visit: &mut dyn FnMut(DeviceFunction, u32)) {
    // Each bus is scanned at most once, whatever numbers bridges have, so the scan ends.
    let mut to_scan = [false; 256];
    to_scan[0] = true;
    // In rising order, because firmware gives the bus behind a bridge a higher number than the bridge's own bus.
    for bus in 0..=u8::MAX {
        let mut functions = Functions::on(bus);
        while to_scan[usize::from(bus)]
            && let Some(Function { at, id, is_bridge, is_further_host_bridge }) = functions.next(access)
        {
            if is_bridge {
                to_scan[usize::from((access.read_word(at, 0x18) >> 8) as u8)] = true;
            }
            if is_further_host_bridge {
                to_scan = [true; 256];
            }
            visit(at, id);
        }
    }
}

/// Whether a function with this first word is a virtio device.
pub const fn is_virtio(id: u32) -> bool {
    id & 0xffff == VENDOR_VIRTIO
}

/// The type of a virtio device, transitional or modern, by a function's first word (4.1.2). `None` for other devices.
pub fn virtio_device(id: u32) -> Option<DeviceType> {
    match (id & 0xffff, id >> 16) {
        (VENDOR_VIRTIO, 0x1000) => Some(DeviceType::Network),
        (VENDOR_VIRTIO, 0x1001) => Some(DeviceType::Block),
        (VENDOR_VIRTIO, 0x1003) => Some(DeviceType::Console),
        (VENDOR_VIRTIO, 0x1004) => Some(DeviceType::ScsiHost),
        (VENDOR_VIRTIO, modern @ 0x1040..0x1080) => DeviceType::try_from(modern - 0x1040).ok(),
        _ => None,
    }
}

/// Whether physical addresses lie below 4 GiB, where all machines map devices from the start.
pub fn is_low(addresses: &ops::Range<u64>) -> bool {
    addresses.end <= FOUR_GIB
}

/// The number of a function's interrupt, if it has one and firmware has assigned it.
pub fn interrupt_line<C: ConfigurationAccess>(access: &C, at: DeviceFunction) -> Option<u8> {
    let [line, pin, ..] = access.read_word(at, 0x3c).to_le_bytes();
    (pin != 0 && !matches!(line, 0 | 0xff)).then_some(line)
}

/// Whether a bus lies behind a function.
pub fn is_bridge<C: ConfigurationAccess>(access: &C, at: DeviceFunction) -> bool {
    access.read_word(at, 0x0c) >> 16 & 0x7f == 1
}

/// Whether a function is there and was switched on. One that has taken the place of another is off.
pub fn is_on<C: ConfigurationAccess>(access: &C, at: DeviceFunction) -> bool {
    access.read_word(at, 0) != u32::MAX && access.read_word(at, 4) & COMMAND_BUS_MASTER != 0
}

/// Whether a function has been left alone since it came: nobody has switched it on, or called it [unused](set_unused).
pub fn is_new<C: ConfigurationAccess>(access: &C, at: DeviceFunction) -> bool {
    access.read_word(at, 4) & (COMMAND_IO | COMMAND_MEMORY | COMMAND_BUS_MASTER | COMMAND_NO_INTERRUPT) == 0
}

/// Marks a function as unused: it cannot interrupt.
pub fn set_unused<C: ConfigurationAccess>(access: &mut C, at: DeviceFunction) {
    access.write_word(at, 4, COMMAND_NO_INTERRUPT);
}

#[cfg(test)]
mod tests;
