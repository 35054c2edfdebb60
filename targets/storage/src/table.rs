//! Reads the table of clusters for what the FAT crate does not tell: whether it is sound, and which clusters are free.

use core::ops::Range;

use crate::boot_sector::{FIRST_CLUSTER, Geometry, Width};
use crate::error::Error;

/// A volume that can be read at any byte.
pub(super) trait Bytes {
    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), Error>;
}

/// The entry of a cluster; 0 means that the cluster is free.
fn entry(volume: &mut impl Bytes, geometry: &Geometry, cluster: u32) -> Result<u32, Error> {
    let cluster = u64::from(cluster);
    let mut raw = [0; 4];
    let (offset, length) = match geometry.width {
        Width::Bits12 => (cluster + cluster / 2, 2),
        Width::Bits16 => (cluster * 2, 2),
        Width::Bits32 => (cluster * 4, 4),
    };
    volume.read_at(geometry.table + offset, &mut raw[..length])?;
    let raw = u32::from_le_bytes(raw);
    Ok(match geometry.width {
        Width::Bits12 if cluster % 2 == 1 => raw >> 4,
        Width::Bits12 => raw & 0xfff,
        Width::Bits16 => raw,
        Width::Bits32 => raw & 0x0fff_ffff,
    })
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

/// The next run of free clusters, from `start` on.
pub(super) fn next_free(volume: &mut impl Bytes, geometry: &Geometry, start: u32) -> Result<Option<Range<u32>>, Error> {
    let end = FIRST_CLUSTER + geometry.clusters;
    let mut first = start.max(FIRST_CLUSTER);
    while first < end && entry(volume, geometry, first)? != 0 {
        first += 1;
    }
    let mut last = first;
    while last < end && entry(volume, geometry, last)? == 0 {
        last += 1;
    }
    Ok((first < last).then_some(first..last))
}
