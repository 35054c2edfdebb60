//! Finds the partitions of a disk, and the FAT volume on it or on one of them.

mod guid;
mod record;

use heapless::Vec;

use crate::boot_sector::Geometry;
use crate::disk::{BLOCK, BlockDevice, SECTOR};
use crate::error::Error;

/// Partitions of a disk that are kept: as many as a GUID partition table usually has room for. Later ones are left out.
pub const MAX_PARTITIONS: usize = 128;
const SECTORS: u64 = (BLOCK / SECTOR) as u64;

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

/// A FAT volume on a disk: the index of its partition, if it is on one, its first sector, and its geometry.
pub type Place = (Option<usize>, u64, Geometry);

/// Finds the first FAT volume, on the whole disk or on one of its partitions. Leaves out EFI system partitions.
///
/// # Errors
/// [`Error::FirmwareOnly`] if the disk is only there to boot from, [`Error::NoVolume`] if there is none on another disk,
/// [`Error::Corrupt`] if there are only damaged ones, [`Error::Io`] if the disk cannot be read.
pub fn find_volume(device: &mut dyn BlockDevice, partitions: &[Partition]) -> Result<Place, Error> {
    let whole = (None, 0, device.sectors());
    let parts = partitions.iter().enumerate().filter(|(_, part)| !part.is_system);
    let parts = parts.map(|(index, part)| (Some(index), part.start, part.sectors));
    let is_for_firmware = !partitions.is_empty() && partitions.iter().all(|part| part.is_system);
    let mut reason = if is_for_firmware { Error::FirmwareOnly } else { Error::NoVolume };
    for (partition, start, sectors) in [whole].into_iter().chain(parts) {
        let (block, offset) = block_with(device, start)?;
        match Geometry::parse(block.get(offset..).unwrap_or_default(), sectors) {
            Ok(geometry) => return Ok((partition, start, geometry)),
            Err(Error::NoVolume) => {}
            Err(error) => reason = error,
        }
    }
    Err(reason)
}

/// Reads the block in which a sector lies. Returns it with the sector's offset in it. What is not on the disk is zeros.
fn block_with(device: &mut dyn BlockDevice, sector: u64) -> Result<([u8; BLOCK], usize), Error> {
    let mut block = [0; BLOCK];
    let first = sector - sector % SECTORS;
    let sectors = device.sectors().saturating_sub(first).min(SECTORS) as usize;
    if let Some(there) = block.get_mut(..sectors * SECTOR).filter(|there| !there.is_empty()) {
        device.read(first, there)?;
    }
    Ok((block, (sector - first) as usize * SECTOR))
}

/// The partitions that lie on the disk. A disk that is one FAT volume has none.
///
/// # Errors
/// If the disk cannot be read.
pub fn find_partitions(device: &mut dyn BlockDevice) -> Result<Partitions, Error> {
    let mut partitions = Vec::new();
    let (boot, _) = block_with(device, 0)?;
    let record = record::Record::parse(&boot).filter(|_| Geometry::parse(&boot, device.sectors()).is_err());
    match record {
        Some(record) if record.is_protective() => guid::find(device, &mut partitions)?,
        Some(record) => record::find(device, record, &mut partitions)?,
        None => {}
    }
    Ok(partitions)
}

/// Adds a partition that is given in logical blocks, if it lies on the disk and there is room for it.
fn add(
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
