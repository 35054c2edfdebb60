//! virtio devices at fixed places: a microvm's (QEMU, docs/system/i386/microvm.rst; virtio 1.2, 4.2).

use core::ptr::{self, NonNull};

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::mmio::MmioTransport;

use super::identity_map;
use crate::command_line::MmioDevice;

const MAGIC: u32 = 0x7472_6976;
const CONSOLE: u32 = DeviceType::Console as u32;
const SLOT_SIZE: u64 = 0x200;

/// The slots of a microvm whose ACPI tables name them only in AML.
pub(super) fn slots() -> impl Iterator<Item = MmioDevice> {
    (0..24).map(|slot| MmioDevice { address: 0xfeb0_0000 + slot * SLOT_SIZE, size: SLOT_SIZE, irq: 24 + slot as u32 })
}

/// The console at a place, if there is one.
pub(super) fn console(device: &MmioDevice) -> Option<MmioTransport<'static>> {
    let MmioDevice { address, size, .. } = *device;
    // Above RAM's possible places on a microvm begins the window that its devices are in.
    let in_reach = (0xc000_0000..identity_map::END).contains(&address)
        && address.is_multiple_of(4)
        && (SLOT_SIZE..=0x1_0000).contains(&size)
        && address + size <= identity_map::END;
    if !in_reach {
        return None;
    }
    let registers = ptr::with_exposed_provenance_mut::<u32>(address as usize);
    // SAFETY: All of it is mapped and none of it RAM; the first and third register of a virtio device, and reading
    // nothing at all, are without effect.
    let [magic, kind] = unsafe { [registers.read_volatile(), registers.add(2).read_volatile()] };
    if (magic, kind) != (MAGIC, CONSOLE) {
        return None;
    }
    // SAFETY: A virtio device's registers, mapped for ever; each place is looked at once.
    unsafe { MmioTransport::new(NonNull::new(registers)?.cast(), size as usize) }.ok()
}
