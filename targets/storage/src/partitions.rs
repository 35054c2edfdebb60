//! Finds the partitions of a disk, and the FAT volume on it or on one of them.

mod block;
mod guid;
mod partition;
mod record;

pub use self::block::block_with;
pub use self::partition::{Partition, Partitions};
use crate::boot_sector::Geometry;
use crate::disk::BlockDevice;
use crate::error::Error;

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

/// The partitions that lie on the disk. A disk that is one FAT volume has none.
///
/// # Errors
/// If the disk cannot be read.
pub fn find_partitions(device: &mut dyn BlockDevice) -> Result<Partitions, Error> {
    let mut partitions = Partitions::new();
    let (boot, _) = block_with(device, 0)?;
    let record = record::Record::parse(&boot).filter(|_| Geometry::parse(&boot, device.sectors()).is_err());
    match record {
        Some(record) if record.is_protective() => guid::find(device, &mut partitions)?,
        Some(record) => record::find(device, record, &mut partitions)?,
        None => {}
    }
    Ok(partitions)
}
