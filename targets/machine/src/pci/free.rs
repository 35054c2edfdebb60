//! Free addresses, for devices that come while the machine runs.

use core::ops::Range;

use heapless::Vec;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::assign::{self, Resources, assign_addresses};
use super::{COMMAND_MEMORY, is_bridge, is_low, scan};
use crate::memory::{Ram, largest_free};

/// More ranges in use than there are in one window. If there are more, nothing is free.
const MAX_TAKEN: usize = 128;
/// What a slot gets whose window is closed, in bytes: more than a virtio device asks for.
const WINDOW: u64 = 2 << 20;
const WINDOW_GRANULE: u64 = 1 << 20;

/// Gives a function addresses in memory, in the window of the bridge before it or, on a root bus, in `root`. Address registers for
/// which nothing is free get 0, and so do those for I/O ports.
pub fn assign_free<C: ConfigurationAccess + Copy>(access: C, at: DeviceFunction, root: &Range<u64>) {
    let memory = largest(access, at.bus, root);
    let memory = memory.map(|Range { start, end }| assign::Range { on_bus: start, address: start, size: end - start });
    assign_addresses(&mut { access }, &mut Resources { io: None, memory, last_bus: 0, route: () }, at, 6);
}

/// Opens the window of a bridge, unless it is open or nothing is free.
pub fn open_window<C: ConfigurationAccess + Copy>(mut access: C, bridge: DeviceFunction, root: &Range<u64>) {
    if !window(access.read_word(bridge, 0x20)).is_empty() {
        return;
    }
    let start = largest(access, bridge.bus, root).and_then(|free| {
        let start = free.start.checked_next_multiple_of(WINDOW_GRANULE)?;
        (start + WINDOW <= free.end).then_some(start)
    });
    if let Some(start) = start {
        let last = start + WINDOW - WINDOW_GRANULE;
        access.write_word(bridge, 0x20, last as u32 & 0xfff0_0000 | (start >> 16) as u32);
    }
}

/// The largest range on a bus that no device has.
fn largest<C: ConfigurationAccess + Copy>(access: C, bus: u8, root: &Range<u64>) -> Option<Range<u64>> {
    let within = window_of(access, bus).unwrap_or(root.clone());
    let mut taken = Vec::<_, MAX_TAKEN>::new();
    let mut all_fit = true;
    scan(&access, &mut |at, _| {
        let mut take = |range: Range<u64>| {
            let contains_all = range.start <= within.start && within.end <= range.end;
            if !contains_all && range.start < within.end && within.start < range.end {
                all_fit &= taken.push(range).is_ok();
            }
        };
        let is_bridge = is_bridge(&access, at);
        if is_bridge {
            take(window(access.read_word(at, 0x20)));
            // The one for prefetchable memory may lie beyond 4 GiB.
            if access.read_word(at, 0x28) == 0 {
                take(window(access.read_word(at, 0x24)));
            }
        }
        addresses(access, at, if is_bridge { 2 } else { 6 }, &mut take);
    });
    largest_free(&[Ram { start: within.start, end: within.end }], within, &taken).filter(|_| all_fit)
}

/// The window for memory of the bridge before a bus. `None` for a root bus.
fn window_of<C: ConfigurationAccess + Copy>(access: C, bus: u8) -> Option<Range<u64>> {
    let mut found = None;
    scan(&access, &mut |at, _| {
        if is_bridge(&access, at) && access.read_word(at, 0x18) >> 8 & 0xff == bus.into() {
            found = Some(window(access.read_word(at, 0x20)));
        }
    });
    found
}

/// The addresses that a bridge's window register stands for: below 4 GiB, which is where devices are given theirs. Empty if the
/// window is closed, also if nobody has set it up.
fn window(register: u32) -> Range<u64> {
    match u64::from(register & 0xfff0) << 16 {
        0 => 0..0,
        start => start..u64::from(register | 0xf_ffff) + 1,
    }
}

/// Calls `take` with each range below 4 GiB that a function answers at, or would.
fn addresses<C: ConfigurationAccess>(mut access: C, at: DeviceFunction, bars: u8, take: &mut dyn FnMut(Range<u64>)) {
    // Off, because it must not answer at the values that tell the sizes. The upper half of the word is status, in which zeros
    // change nothing.
    let command = access.read_word(at, 4) & 0xffff;
    access.write_word(at, 4, command & !COMMAND_MEMORY);
    let mut bar = 0;
    while bar < bars {
        let register = 0x10 + 4 * bar;
        bar += 1;
        let low = access.read_word(at, register);
        if low & 1 != 0 {
            continue;
        }
        let is_long = low & 7 == 0b100;
        let high = if is_long { access.read_word(at, register + 4) } else { 0 };
        bar += u8::from(is_long);
        access.write_word(at, register, u32::MAX);
        let size = (access.read_word(at, register) & !15).wrapping_neg();
        access.write_word(at, register, low);
        let start = u64::from(high) << 32 | u64::from(low & !15);
        let range = start..start.saturating_add(size.into());
        if start != 0 && is_low(&range) {
            take(range);
        }
    }
    access.write_word(at, 4, command);
}

#[cfg(test)]
mod tests;
