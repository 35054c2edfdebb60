//! Assigns what firmware assigns on a PC: numbers to PCI's buses, addresses to devices, and to each device's interrupt line
//! register the number of its interrupt (PCI Local Bus 3.0, 6.2.5; PCI-to-PCI Bridge 1.2, 3.2.5). What firmware has assigned
//! before is overwritten.
//!
//! Own code, because no crate does this.

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::functions::{Function, Functions};
use super::{COMMAND_BUS_MASTER, COMMAND_IO, COMMAND_MEMORY};

/// The windows of bridges are multiples of these: in bytes of memory, and in I/O ports.
const MEMORY_GRANULE: u64 = 1 << 20;
const IO_GRANULE: u64 = 1 << 12;
/// How many bridges may lie behind each other. Bridges behind more are not set up.
const DEEPEST: u8 = 8;

/// A range of addresses that PCI devices can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first address, as devices see it.
    pub on_bus: u64,
    /// The first address, as the CPU sees it.
    pub address: u64,
    /// The size in bytes. Both addresses plus the size have at most 64 bits.
    pub size: u64,
}

impl Range {
    /// The CPU's address of `size` bytes at an address on the bus. `None` unless all of them lie in the range.
    pub fn find(&self, on_bus: u64, size: u64) -> Option<u64> {
        let offset = on_bus.checked_sub(self.on_bus)?;
        (offset.checked_add(size)? <= self.size).then_some(self.address + offset)
    }

    /// Takes `size` bytes, aligned to `align`, off the beginning of the range. Returns their address on the bus.
    fn take(&mut self, size: u64, align: u64) -> Option<u64> {
        // Not address 0, which means that a device has no address.
        let start = self.on_bus.max(1).checked_next_multiple_of(align)?;
        let used = (start - self.on_bus).checked_add(size).filter(|&used| used <= self.size)?;
        self.on_bus += used;
        self.address += used;
        self.size -= used;
        Some(start)
    }
}

/// What devices are given. The ranges shrink as parts of them are given away.
#[derive(Debug)]
pub struct Resources<R> {
    /// I/O ports.
    pub io: Option<Range>,
    /// Memory that 32 bits reach.
    pub memory: Option<Range>,
    /// Number of the last bus in configuration space.
    pub last_bus: u8,
    /// Returns the number of the interrupt of a device on a root bus by one of its pins, 1 to 4.
    pub route: R,
}

/// A bus and the bridges above it.
#[derive(Clone, Copy)]
struct Way {
    bus: u8,
    depth: u8,
    /// The device number of the bridge on the root bus behind which this bus lies, and by how much the bridges on the way
    /// rotate interrupt pins. `None` for a root bus.
    up: Option<(u8, u8)>,
}

/// Gives every device on the root buses and behind their bridges what it asks for, until the ranges are used up. Address
/// registers for which nothing is left get 0.
///
/// A root bus other than bus 0 keeps its number, because that cannot be changed. The buses behind its bridges have the next ones.
pub fn assign<C: ConfigurationAccess, R: Fn(u8, u8) -> Option<u8>>(access: &mut C, resources: &mut Resources<R>) {
    let last_bus = resources.last_bus;
    let mut root = Some(0_u8);
    let has_further = switch_off(access, 0);
    while let Some(bus) = root {
        // When no bridge has a number, only root buses answer.
        root = match bus.checked_add(1) {
            Some(next) if has_further => (next..=last_bus).find(|&bus| Functions::on(bus).next(access).is_some()),
            _ => None,
        };
        root.into_iter().for_each(|bus| _ = switch_off(access, bus));
        resources.last_bus = root.map_or(last_bus, |next| next - 1);
        assign_behind(access, resources, bus);
    }
}

/// Does the same for a machine that has no root bus but bus 0. It is much smaller.
pub fn assign_bus_0<C: ConfigurationAccess, R: Fn(u8, u8) -> Option<u8>>(access: &mut C, resources: &mut Resources<R>) {
    switch_off(access, 0);
    assign_behind(access, resources, 0);
}

fn assign_behind<C: ConfigurationAccess, R: Fn(u8, u8) -> Option<u8>>(
    access: &mut C,
    resources: &mut Resources<R>,
    root: u8,
) {
    assign_bus(access, resources, Way { bus: root, depth: 0, up: None }, &mut (u16::from(root) + 1));
}

/// Switches the devices on a bus off, so that none answers at an old address, and no bridge to an old bus number, while new ones
/// are given. Returns whether a device leads to another root bus.
fn switch_off<C: ConfigurationAccess>(access: &mut C, bus: u8) -> bool {
    let mut has_further = false;
    let mut functions = Functions::on(bus);
    while let Some(Function { at, is_bridge, is_further_host_bridge, .. }) = functions.next(access) {
        access.write_word(at, 4, 0);
        if is_bridge {
            access.write_word(at, 0x18, 0);
        }
        has_further |= is_further_host_bridge;
    }
    has_further
}

fn assign_bus<C: ConfigurationAccess, R: Fn(u8, u8) -> Option<u8>>(
    access: &mut C,
    resources: &mut Resources<R>,
    way: Way,
    next_bus: &mut u16,
) {
    let mut functions = Functions::on(way.bus);
    while let Some(Function { at, is_bridge, .. }) = functions.next(access) {
        assign_addresses(access, resources, at, if is_bridge { 2 } else { 6 });
        if is_bridge
            && way.depth < DEEPEST
            && let Ok(bus) = u8::try_from(*next_bus)
            && bus <= resources.last_bus
        {
            *next_bus += 1;
            assign_bridge(access, resources, way, at, bus, next_bus);
        }
        assign_interrupt(access, resources, way, at);
    }
}

/// Writes addresses to a function's address registers.
pub(super) fn assign_addresses<C: ConfigurationAccess, R>(
    access: &mut C,
    resources: &mut Resources<R>,
    at: DeviceFunction,
    bars: u8,
) {
    let mut bar = 0;
    while bar < bars {
        let register = 0x10 + 4 * bar;
        bar += 1;
        // The address bits that cannot be set tell the size of the range that the device needs.
        access.write_word(at, register, u32::MAX);
        let answer = access.read_word(at, register);
        let is_io = answer & 1 != 0;
        if answer & 7 == 0b100 {
            // The upper half of a 64-bit address. All addresses given here have 32 bits.
            access.write_word(at, register + 4, 0);
            bar += 1;
        }
        let (range, fixed) = if is_io { (&mut resources.io, !3) } else { (&mut resources.memory, !15) };
        // A device need not implement the upper half of an I/O address (PCI 3.0, 6.2.5.1).
        let size = if is_io && answer & fixed != 0 { answer | 0xffff_0000 } else { answer } & fixed;
        let size = u64::from(size.wrapping_neg());
        let place = range.as_mut().filter(|_| size != 0).and_then(|range| range.take(size, size));
        access.write_word(at, register, place.unwrap_or(0) as u32);
    }
}

/// Gives the bus behind a bridge the number `bus`, sets up the devices on it, and opens the bridge's windows to their addresses.
fn assign_bridge<C: ConfigurationAccess, R: Fn(u8, u8) -> Option<u8>>(
    access: &mut C,
    resources: &mut Resources<R>,
    way: Way,
    at: DeviceFunction,
    bus: u8,
    next_bus: &mut u16,
) {
    let buses = |last: u8| u32::from(last) << 16 | u32::from(bus) << 8 | u32::from(way.bus);
    access.write_word(at, 0x18, buses(resources.last_bus));
    let boundaries = |resources: &mut Resources<R>| {
        let boundary = |range: &mut Option<Range>, granule| range.as_mut().and_then(|range| range.take(0, granule));
        (boundary(&mut resources.memory, MEMORY_GRANULE), boundary(&mut resources.io, IO_GRANULE))
    };
    let (memory, io) = boundaries(resources);
    let up = match way.up {
        None => (at.device, 0),
        Some((slot, turned)) => (slot, turned.wrapping_add(at.device)),
    };
    switch_off(access, bus);
    assign_bus(access, resources, Way { bus, depth: way.depth + 1, up: Some(up) }, next_bus);
    let (memory_end, io_end) = boundaries(resources);
    access.write_word(at, 0x18, buses(next_bus.saturating_sub(1) as u8));
    // A window whose end lies before its beginning is closed.
    let memory = match (memory, memory_end) {
        (Some(start), Some(end)) if start < end => (end - MEMORY_GRANULE) as u32 & 0xfff0_0000 | (start >> 16) as u32,
        _ => 0x0000_fff0,
    };
    let (io, io_command) = match (io, io_end) {
        (Some(start), Some(end)) if start < end => {
            ((end - IO_GRANULE) as u32 & 0xf000 | (start >> 8) as u32, COMMAND_IO)
        }
        _ => (0x0000_00f0, 0),
    };
    access.write_word(at, 0x20, memory);
    access.write_word(at, 0x1c, io);
    // The window for prefetchable memory is closed, and the upper halves of addresses are 0.
    access.write_word(at, 0x24, 0x0000_fff0);
    for upper in [0x28, 0x2c, 0x30] {
        access.write_word(at, upper, 0);
    }
    access.write_word(at, 4, COMMAND_MEMORY | COMMAND_BUS_MASTER | io_command);
}

/// Writes the number of a function's interrupt, if it has one, to its interrupt line register.
fn assign_interrupt<C: ConfigurationAccess, R: Fn(u8, u8) -> Option<u8>>(
    access: &mut C,
    resources: &Resources<R>,
    way: Way,
    at: DeviceFunction,
) {
    let word = access.read_word(at, 0x3c);
    let pin = (word >> 8) as u8;
    if !(1..=4).contains(&pin) {
        return;
    }
    // A bridge rotates the pins of each device behind it by the device's number (PCI-to-PCI Bridge 1.2, 9.1).
    let line = match way.up {
        None => (resources.route)(at.device, pin),
        Some((slot, turned)) => (resources.route)(slot, (pin - 1 + turned % 4 + at.device % 4) % 4 + 1),
    };
    access.write_word(at, 0x3c, word & !0xff | u32::from(line.unwrap_or(0)));
}

#[cfg(test)]
mod tests;
