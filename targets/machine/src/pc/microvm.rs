//! What a microvm's ACPI tables describe in AML alone, which nobody here interprets: virtio devices at fixed places, and what PCI
//! devices can be given (QEMU, docs/system/i386/microvm.rst and include/hw/i386/microvm.h; virtio 1.2, 4.2).

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::config_space::ConfigSpace;
use crate::arch::identity_map;
use crate::command_line::MmioDevice;
use crate::memory::Window;
use crate::pci::{self, Ecam, MappedEcam, Range, Resources};
use crate::transport::MmioTransport;

const SLOT_SIZE: u64 = 0x200;
/// PCI's configuration space, of all buses.
const ECAM: Ecam = Ecam { address: 0xe000_0000, last_bus: u8::MAX };
/// Vendor and device of QEMU's generic host bridge.
const HOST_BRIDGE: u32 = 0x0008_1b36;
/// The memory of PCI devices.
const PCI_MEMORY: Range = Range { on_bus: 0xc000_0000, address: 0xc000_0000, size: 0x2000_0000 };
/// The first of the four interrupts of PCI devices.
const PCI_FIRST_GSI: u8 = 12;

/// PCI's configuration space, if the machine has PCI. Gives the devices what they need, because no firmware does. There are no I/O
/// ports to be given.
pub(super) fn pci() -> Option<ConfigSpace> {
    // SAFETY: It is mapped, and a microvm has nothing else there.
    let mut space = ConfigSpace::Memory(unsafe { MappedEcam::new(ECAM) });
    if space.read_word(DeviceFunction { bus: 0, device: 0, function: 0 }, 0) != HOST_BRIDGE {
        return None;
    }
    let route = |device: u8, pin: u8| Some(PCI_FIRST_GSI + device.wrapping_add(pin).wrapping_sub(1) % 4);
    pci::assign_bus_0(
        &mut space,
        &mut Resources { io: None, memory: Some(PCI_MEMORY), last_bus: ECAM.last_bus, route },
    );
    Some(space)
}

/// The slots of a microvm whose ACPI tables name them only in AML. QEMU fills them from the last to the first.
pub(super) fn slots() -> impl Iterator<Item = MmioDevice> {
    (0..24).rev().map(|slot| MmioDevice {
        address: 0xfeb0_0000 + slot * SLOT_SIZE,
        size: SLOT_SIZE,
        irq: 24 + slot as u32,
    })
}

/// The device at a place, if there is one.
pub(super) fn device(device: &MmioDevice) -> Option<MmioTransport> {
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
    // SAFETY: All of it is mapped and none of it RAM; looking changes nothing.
    unsafe { MmioTransport::new(registers) }
}
