//! What firmware knows: the time, and which memory there is.

use datealgo::{datetime_to_secs, secs_to_datetime};
use uefi::boot;
use uefi::mem::memory_map::{MemoryDescriptor, MemoryMap, MemoryMapOwned, MemoryType};
use uefi::runtime::{self, Daylight, Time, TimeParams};

const NS_PER_S: i64 = 1_000_000_000;
/// The size of a block of memory in bytes: Linux's on x86_64.
pub const BLOCK_SIZE: u64 = 128 << 20;

const NOT_RAM: [MemoryType; 5] = [
    MemoryType::MMIO,
    MemoryType::MMIO_PORT_SPACE,
    MemoryType::PERSISTENT_MEMORY,
    MemoryType::RESERVED,
    MemoryType::UNUSABLE,
];

/// The time in nanoseconds since 1970. `None`, if the machine has no clock.
pub fn time() -> Option<i64> {
    let time = runtime::get_time().ok().filter(|time| time.is_valid().is_ok())?;
    let date = (time.year().into(), time.month(), time.day(), time.hour(), time.minute(), time.second());
    // Firmware tells the local time. Without a time zone, it is UTC.
    let east_of_utc = -60 * i64::from(time.time_zone().unwrap_or(0));
    Some((datetime_to_secs(date) - east_of_utc) * NS_PER_S + i64::from(time.nanosecond()))
}

/// Sets the machine's clock to a time in nanoseconds since 1970, in its own time zone. `None`, if it cannot be set.
pub fn set_time(time: i64) -> Option<()> {
    let time_zone = runtime::get_time().ok().and_then(|time| time.time_zone());
    let east_of_utc = -60 * i64::from(time_zone.unwrap_or(0));
    let (year, month, day, hour, minute, second) = secs_to_datetime(time.div_euclid(NS_PER_S) + east_of_utc);
    let (year, nanosecond) = (year.try_into().ok()?, time.rem_euclid(NS_PER_S) as u32);
    let daylight = Daylight::empty();
    let time =
        Time::new(TimeParams { year, month, day, hour, minute, second, nanosecond, time_zone, daylight }).ok()?;
    // SAFETY: nothing else runs that could set the clock.
    unsafe { runtime::set_time(&time) }.ok()
}

/// The map of the machine's memory.
pub fn memory_map() -> uefi::Result<MemoryMapOwned> {
    boot::memory_map(MemoryType::LOADER_DATA)
}

/// The size of the memory that nobody uses, in bytes.
pub fn free_memory(map: &MemoryMapOwned) -> u64 {
    let free = map.entries().filter(|piece| piece.ty == MemoryType::CONVENTIONAL);
    free.map(|piece| end(piece).saturating_sub(piece.phys_start)).fold(0, u64::saturating_add)
}

/// The `index`-th block in which there is RAM: its address, in blocks.
pub fn memory_block(map: &MemoryMapOwned, index: usize) -> Option<u64> {
    let is_ram = |piece: &&MemoryDescriptor| !NOT_RAM.contains(&piece.ty);
    let ram = || map.entries().filter(is_ram);
    let blocks = ram().map(end).max()?.div_ceil(BLOCK_SIZE);
    let has_ram = |block: &u64| {
        let (start, stop) = (block * BLOCK_SIZE, (block + 1).saturating_mul(BLOCK_SIZE));
        ram().any(|piece| piece.phys_start < stop && end(piece) > start)
    };
    (0..blocks).filter(has_ram).nth(index)
}

fn end(piece: &MemoryDescriptor) -> u64 {
    piece.phys_start.saturating_add(piece.page_count.saturating_mul(boot::PAGE_SIZE as u64))
}
