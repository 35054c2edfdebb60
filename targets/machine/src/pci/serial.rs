//! Serial ports on PCI.

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::{COMMAND_IO, interrupt_line, scan};

/// Class, subclass and programming interface of a 16550 (PCI Code and ID Assignment 1.11, 1.8).
const CLASS_16550: u32 = 0x07_00_02;

/// Finds the first 16550 and switches it on. Returns the first of its eight I/O ports, and the number of its interrupt, if
/// firmware has assigned one. `None` without one, or if firmware has given it no ports.
pub fn enable_serial<C: ConfigurationAccess>(access: &mut C) -> Option<(u32, Option<u8>)> {
    let mut found: Option<(DeviceFunction, u32)> = None;
    scan(access, &mut |at, _| {
        if found.is_none() && access.read_word(at, 8) >> 8 == CLASS_16550 {
            let port = access.read_word(at, 0x10);
            // Neither a register in memory nor one that was given no address.
            found = Some((at, port & !3)).filter(|&(_, first)| port & 1 != 0 && first != 0);
        }
    });
    let (at, first) = found?;
    access.write_word(at, 4, access.read_word(at, 4) & 0xffff | COMMAND_IO);
    Some((first, interrupt_line(access, at)))
}
