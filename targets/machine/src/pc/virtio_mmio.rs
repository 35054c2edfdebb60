//! virtio devices at fixed places: a microvm's (QEMU, docs/system/i386/microvm.rst; virtio 1.2, 4.2).

use virtio_drivers::transport::{DeviceType, Transport};

use crate::arch::identity_map;
use crate::command_line::MmioDevice;
use crate::memory::Window;
use crate::transport::MmioTransport;

const SLOT_SIZE: u64 = 0x200;

/// The slots of a microvm whose ACPI tables name them only in AML. QEMU fills them from the last to the first.
pub(super) fn slots() -> impl Iterator<Item = MmioDevice> {
    (0..24).rev().map(|slot| MmioDevice {
        address: 0xfeb0_0000 + slot * SLOT_SIZE,
        size: SLOT_SIZE,
        irq: 24 + slot as u32,
    })
}

/// The device of that type at a place, if there is one.
pub(super) fn device(kind: DeviceType, device: &MmioDevice) -> Option<MmioTransport> {
    let MmioDevice { address, size, .. } = *device;
    // Above RAM's possible places on a microvm begins the window that its devices are in.
    let in_reach = (0xc000_0000..identity_map::END).contains(&address)
        && address.is_multiple_of(4)
        && (SLOT_SIZE..=0x1_0000).contains(&size)
        && address + size <= identity_map::END;
    if !in_reach {
        return None;
    }
    let registers = Window { address, length: size as u32 };
    // SAFETY: All of it is mapped and none of it RAM; each place is looked at once, and looking changes nothing.
    unsafe { MmioTransport::new(registers) }.filter(|device| device.device_type() == kind)
}
