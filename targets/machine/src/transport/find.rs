//! Finds virtio devices on PCI.

use core::ops::Range;

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::{DeviceTransport, PciTransport};
use crate::{log, pci};

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
