//! Reads and writes the table of clusters, for what the FAT crate does not tell or would take long for.

use core::ops::Range;

use crate::boot_sector::{FIRST_CLUSTER, Geometry, Width};
use crate::error::Error;

/// A volume that can be read at any byte.
pub(super) trait Bytes {
    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), Error>;
}

/// The first byte of an entry in the table. Entries of 12 bits share a byte with a neighbour.
const fn offset(width: Width, cluster: u32) -> u64 {
    let cluster = cluster as u64;
    match width {
        Width::Bits12 => cluster + cluster / 2,
        Width::Bits16 => cluster * 2,
        Width::Bits32 => cluster * 4,
    }
}

/// The bytes of an entry, as a number, with all bits of its neighbours.
fn raw_entry(volume: &mut impl Bytes, geometry: &Geometry, cluster: u32) -> Result<u32, Error> {
    let mut raw = [0; 4];
    let length = if geometry.width == Width::Bits32 { 4 } else { 2 };
    volume.read_at(geometry.table + offset(geometry.width, cluster), &mut raw[..length])?;
    Ok(u32::from_le_bytes(raw))
}

/// The entry of a cluster; 0 means that the cluster is free.
fn entry(volume: &mut impl Bytes, geometry: &Geometry, cluster: u32) -> Result<u32, Error> {
    let raw = raw_entry(volume, geometry, cluster)?;
    Ok(match geometry.width {
        Width::Bits12 if cluster % 2 == 1 => raw >> 4,
        Width::Bits12 => raw & 0xfff,
        Width::Bits16 => raw,
        Width::Bits32 => raw & 0x0fff_ffff,
    })
}

/// The bytes of the table that make `value` the entry of a cluster: where they begin in it, as a number, and how many they are.
fn changed_entry(
    volume: &mut impl Bytes,
    geometry: &Geometry,
    cluster: u32,
    value: u32,
) -> Result<(u64, u32, usize), Error> {
    let raw = raw_entry(volume, geometry, cluster)?;
    let (changed, length) = match geometry.width {
        Width::Bits12 if cluster % 2 == 1 => (raw & 0xf | value << 4, 2),
        Width::Bits12 => (raw & 0xf000 | value & 0xfff, 2),
        Width::Bits16 => (value, 2),
        // The highest bits are nobody's.
        Width::Bits32 => (raw & 0xf000_0000 | value & 0x0fff_ffff, 4),
    };
    Ok((offset(geometry.width, cluster), changed, length))
}

/// A volume whose table can be written to.
pub(super) trait Table: Bytes {
    /// Writes to the table: to its active copy, or to all that are kept the same.
    fn write_table(&mut self, offset: u64, from: &[u8]) -> Result<(), Error>;
}

/// The cluster after another one in its chain, if that is not the last one.
pub(super) fn next_in_chain(volume: &mut impl Bytes, geometry: &Geometry, cluster: u32) -> Result<Option<u32>, Error> {
    match entry(volume, geometry, cluster)? {
        next if geometry.has(next) => Ok(Some(next)),
        next if next >= last_of_chain(geometry.width) => Ok(None),
        _ => Err(Error::Corrupt),
    }
}

/// Adds the first free cluster from `start` on, or from the beginning, to the chain that ends with `last`.
pub(super) fn extend(volume: &mut impl Table, geometry: &Geometry, last: u32, start: u32) -> Result<u32, Error> {
    let found = match next_free(volume, geometry, start, 1)? {
        None => next_free(volume, geometry, FIRST_CLUSTER, 1)?,
        found => found,
    };
    let new = found.ok_or(Error::NoSpace)?.start;
    for (cluster, value) in [(new, u32::MAX), (last, new)] {
        let (offset, changed, length) = changed_entry(volume, geometry, cluster, value)?;
        volume.write_table(offset, &changed.to_le_bytes()[..length])?;
    }
    Ok(new)
}

/// From this value on, an entry says that its cluster is the last one of a chain.
const fn last_of_chain(width: Width) -> u32 {
    match width {
        Width::Bits12 => 0xff8,
        Width::Bits16 => 0xfff8,
        Width::Bits32 => 0x0fff_fff8,
    }
}

/// Counts the free ones of these clusters, and checks that their entries name no cluster that the volume does not have.
pub(super) fn count_free(volume: &mut impl Bytes, geometry: &Geometry, clusters: Range<u32>) -> Result<u32, Error> {
    let named = FIRST_CLUSTER..FIRST_CLUSTER + geometry.named_clusters;
    // Entries from this value on mean that a cluster is bad, or the last one of a chain.
    let special = match geometry.width {
        Width::Bits12 => 0xff0,
        Width::Bits16 => 0xfff0,
        Width::Bits32 => 0x0fff_fff0,
    };
    let mut free = 0;
    for cluster in clusters {
        match entry(volume, geometry, cluster)? {
            0 => free += 1,
            next if named.contains(&next) || next >= special => {}
            _ => return Err(Error::Corrupt),
        }
    }
    Ok(free)
}

/// The next run of free clusters from `start` on, or the first `most` clusters of it.
pub(super) fn next_free(
    volume: &mut impl Bytes,
    geometry: &Geometry,
    start: u32,
    most: u32,
) -> Result<Option<Range<u32>>, Error> {
    let end = FIRST_CLUSTER + geometry.clusters;
    let mut first = start.max(FIRST_CLUSTER);
    while first < end && entry(volume, geometry, first)? != 0 {
        first += 1;
    }
    let mut last = first;
    while last < end && last - first < most && entry(volume, geometry, last)? == 0 {
        last += 1;
    }
    Ok((first < last).then_some(first..last))
}
