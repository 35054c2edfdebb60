//! The I/O ports of virtio's legacy interface (virtio 1.2, 4.1.4.10).

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::{COMMAND_BUS_MASTER, COMMAND_IO, interrupt_line};

/// Bytes of the ports: the registers, and the longest configuration that a driver here reads.
pub const LEGACY_SIZE: u64 = 64;

/// The first I/O port of a transitional device, whose first word is `id`, and the number of its interrupt, if firmware has assigned
/// one. Switches the ports on. `None` if it has none, or firmware has given them no address.
pub fn enable_legacy<C: ConfigurationAccess>(access: &mut C, at: DeviceFunction, id: u32) -> Option<(u32, Option<u8>)> {
    let bar = access.read_word(at, 0x10);
    let first = bar & !3;
    // Devices of other ids have something else there (4.1.2).
    if !(0x1000..0x1040).contains(&(id >> 16)) || bar & 1 == 0 || first == 0 {
        return None;
    }
    access.write_word(at, 4, access.read_word(at, 4) & 0xffff | COMMAND_IO | COMMAND_BUS_MASTER);
    Some((first, interrupt_line(access, at)))
}
