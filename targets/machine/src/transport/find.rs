//! Finds virtio devices on PCI.

use core::mem;
use core::ops::Range;

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::{DeviceTransport, PciTransport};
use crate::board::IoPorts;
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
        // nano has no driver of one.
        #[cfg(feature = "rare-machines")]
        DeviceType::Socket => "socket device",
        DeviceType::ScsiHost => "SCSI controller",
        _ => "console",
    }
}

/// Finds the virtio devices of a type on PCI, switches them on, and hands each to `take`. Calls `unmask` with the number of
/// each device's interrupt. Devices with registers that `reach` cannot map are left out, or driven by the legacy interface if they
/// have it, the package has the feature `rare-machines`, and `ports` finds the I/O ports from a number on.
///
/// # Safety
/// Addresses for which `reach` returns true must be mapped for ever. Called once for each type.
pub(crate) unsafe fn find_on_pci<C: ConfigurationAccess + Copy>(
    space: C,
    kind: DeviceType,
    reach: fn(&Range<u64>) -> bool,
    ports: impl Fn(u32) -> Option<IoPorts>,
    unmask: impl Fn(u32),
    take: &mut dyn FnMut(Device),
) {
    pci::scan(&space, &mut |at, id| {
        if pci::virtio_device(id) == Some(kind)
            // SAFETY: The caller's promise. Each function is looked at once.
            && let Some(device) = unsafe { open_on_pci(space, at, id, kind, reach, &ports, &unmask) }
        {
            take(device);
        }
    });
}

/// The device, by its legacy interface, and the number of its interrupt.
#[cfg(feature = "rare-machines")]
fn legacy<C: ConfigurationAccess>(
    mut space: C,
    at: DeviceFunction,
    id: u32,
    kind: DeviceType,
    ports: impl Fn(u32) -> Option<IoPorts>,
) -> Option<(DeviceTransport, Option<u8>)> {
    let (first, line) = pci::enable_legacy(&mut space, at, id)?;
    Some((DeviceTransport::LegacyPci(super::LegacyPciTransport::new(kind, ports(first)?)), line))
}

#[cfg(not(feature = "rare-machines"))]
fn legacy<C>(
    _: C,
    _: DeviceFunction,
    _: u32,
    _: DeviceType,
    _: &impl Fn(u32) -> Option<IoPorts>,
) -> Option<(DeviceTransport, Option<u8>)> {
    None
}

/// Switches a virtio device of a type on, whose vendor and device are `id`. `None` if it cannot be used, with the reason in the log.
///
/// # Safety
/// As for [`find_on_pci`], and nobody else may use the device.
pub(crate) unsafe fn open_on_pci<C: ConfigurationAccess + Copy>(
    space: C,
    at: DeviceFunction,
    id: u32,
    kind: DeviceType,
    reach: fn(&Range<u64>) -> bool,
    ports: impl Fn(u32) -> Option<IoPorts>,
    unmask: impl Fn(u32),
) -> Option<Device> {
    let modern = pci::enable(&mut { space }, at, reach).map(|(structures, line)| {
        // SAFETY: The caller's promise; `enable` found them in a device of this type.
        (DeviceTransport::Pci(unsafe { PciTransport::new(kind, structures) }), line)
    });
    match modern.or_else(|reason| legacy(space, at, id, kind, &ports).ok_or(reason)) {
        Ok((transport, line)) => {
            log!("virtio {} at {}", name_of(kind), at);
            if let Some(line) = line {
                unmask(line.into());
            }
            Some(Device { transport, pci: Some(at) })
        }
        Err(reason) => {
            log!("virtio {} at {}: {}", name_of(kind), at, reason.reason());
            None
        }
    }
}

/// Logs the devices on PCI that are not used: virtio's of other types than are `driven`, and disk controllers, network cards and
/// serial ports that are not virtio's. `serial_is_used` says that the first serial port is used.
pub fn log_unused_on_pci<C: ConfigurationAccess>(space: &C, driven: &[DeviceType], mut serial_is_used: bool) {
    pci::scan(space, &mut |at, id| {
        let is_used = match pci::virtio_device(id) {
            Some(kind) => driven.contains(&kind),
            None if class_of(space, at) >> 8 == CLASS_COMMUNICATION => mem::take(&mut serial_is_used),
            None => false,
        };
        if !is_used {
            log_without_driver(space, at, id);
        }
    });
}

/// Logs a function for which there is no driver, if it is a virtio device, a disk controller, a network card or a serial port.
pub(crate) fn log_without_driver<C: ConfigurationAccess>(space: &C, at: DeviceFunction, id: u32) {
    let class = class_of(space, at);
    if pci::is_virtio(id) || matches!(class >> 8, CLASS_STORAGE | CLASS_NETWORK | CLASS_COMMUNICATION) {
        let id = Value::Hex(id.rotate_left(16).into());
        log!("device {} of class {} at {} is not used: no driver", id, Value::Hex(class.into()), at);
    }
}

/// Base class and subclass.
fn class_of<C: ConfigurationAccess>(space: &C, at: DeviceFunction) -> u32 {
    space.read_word(at, 8) >> 16
}

/// Logs a virtio device at a place, unless its type is `driven`.
pub fn log_unused(kind: DeviceType, driven: &[DeviceType], at: Value) {
    if !driven.contains(&kind) {
        log!("virtio device of type {} at {} is not used: no driver", kind as u8, at);
    }
}
