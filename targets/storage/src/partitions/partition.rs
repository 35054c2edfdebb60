//! Partitions.

use heapless::Vec;

use crate::disk::{BlockDevice, SECTOR};

/// Partitions of a disk that are kept: as many as a GUID partition table usually has room for. Later ones are left out.
pub const MAX_PARTITIONS: usize = 128;

/// A part of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 1 on.
    pub number: u8,
    /// Its first sector.
    pub start: u64,
    /// Its size, in sectors.
    pub sectors: u64,
    /// Whether it is an EFI system partition.
    pub is_system: bool,
}

/// A disk's partitions.
pub type Partitions = Vec<Partition, MAX_PARTITIONS>;

/// Adds a partition that is given in logical blocks, if it lies on the disk and there is room for it.
pub(super) fn add(
    device: &dyn BlockDevice,
    partitions: &mut Partitions,
    number: usize,
    blocks: Option<(u64, u64)>,
    is_system: bool,
) {
    let unit = (device.logical_block() / SECTOR) as u64;
    let sectors = blocks.and_then(|(start, count)| Some((start.checked_mul(unit)?, count.checked_mul(unit)?)));
    let inside = |&(start, sectors): &(u64, u64)| {
        start > 0 && sectors > 0 && start.checked_add(sectors).is_some_and(|end| end <= device.sectors())
    };
    if let (Some((start, sectors)), Ok(number)) = (sectors.filter(inside), u8::try_from(number)) {
        _ = partitions.push(Partition { number, start, sectors, is_system });
    }
}
