//! Finds virtio devices on PCI.

use core::mem;
use core::ops::Range;

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::{DeviceTransport, PciTransport};
use crate::log::Value;
use crate::{log, pci};

// Base classes (PCI Code and ID Assignment 1.11, 1).
const CLASS_STORAGE: u32 = 1;
const CLASS_NETWORK: u32 = 2;
const CLASS_COMMUNICATION: u32 = 7;

/// A virtio device and its place.
#[derive(Debug)]
pub struct Device {
    /// Its transport.
    pub transport: DeviceTransport,
    /// Its place on PCI; `None` for a memory-mapped one.
    pub pci: Option<DeviceFunction>,
}

/// The name of a kind of device in the log.
pub const fn name_of(kind: DeviceType) -> &'static str {
    match kind {
        DeviceType::Network => "network card",
        DeviceType::Block => "disk",
        DeviceType::Socket => "socket device",
        _ => "console",
    }
}

/// Finds the virtio devices of a type on PCI, switches them on, and hands each to `take`. Calls `unmask` with the number of
/// each device's interrupt. Devices with registers that `reach` cannot map are left out.
///
/// # Safety
/// Addresses for which `reach` returns true must be mapped for ever. Called once for each type.
pub unsafe fn find_on_pci<C: ConfigurationAccess + Copy>(
    space: C,
    kind: DeviceType,
    reach: impl Fn(&Range<u64>) -> bool,
    unmask: impl Fn(u32),
    mut take: impl FnMut(Device),
) {
    pci::scan(&space, &mut |at, id| {
        if pci::virtio_device(id) != Some(kind) {
            return;
        }
        match pci::enable(&mut { space }, at, &reach) {
            Ok((structures, line)) => {
                log!("virtio {} at {}", name_of(kind), at);
                if let Some(line) = line {
                    unmask(line.into());
                }
                // SAFETY: The caller's promise; `enable` found them in a device of this type, which is looked at once.
                let transport = DeviceTransport::Pci(unsafe { PciTransport::new(kind, structures) });
                take(Device { transport, pci: Some(at) });
            }
            Err(reason) => log!("virtio {} at {}: {}", name_of(kind), at, reason.reason()),
        }
    });
}

/// Logs the devices on PCI that are not used: virtio's of other types than are `driven`, and disk controllers, network cards and
/// serial ports that are not virtio's. `serial_is_used` says that the first serial port is used.
pub fn log_unused_on_pci<C: ConfigurationAccess>(space: &C, driven: &[DeviceType], mut serial_is_used: bool) {
    pci::scan(space, &mut |at, id| {
        let class = space.read_word(at, 8) >> 16;
        let is_used = match pci::virtio_device(id) {
            Some(kind) => driven.contains(&kind),
            None if class >> 8 == CLASS_COMMUNICATION => mem::take(&mut serial_is_used),
            None => !pci::is_virtio(id) && !matches!(class >> 8, CLASS_STORAGE | CLASS_NETWORK),
        };
        if !is_used {
            let id = Value::Hex(id.rotate_left(16).into());
            log!("device {} of class {} at {} is not used: no driver", id, Value::Hex(class.into()), at);
        }
    });
}

/// Logs a virtio device at a place, unless its type is `driven`.
pub fn log_unused(kind: DeviceType, driven: &[DeviceType], at: Value) {
    if !driven.contains(&kind) {
        log!("virtio device of type {} at {} is not used: no driver", kind as u8, at);
    }
}
