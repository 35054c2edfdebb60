//! Finds the partitions of a disk, and the FAT volume on it or on one of them. Partition tables are the master boot record and
//! the GUID partition table (UEFI 2.10, chapter 5).

use heapless::Vec;

use crate::boot_sector::Geometry;
use crate::disk::{BLOCK, BlockDevice, SECTOR};
use crate::error::Error;
use crate::little_endian::{u32_at, u64_at};

/// Partitions of a disk that are kept. Later ones are left out.
pub const MAX_PARTITIONS: usize = 8;
const SECTORS: u64 = (BLOCK / SECTOR) as u64;
/// Entries of a partition table that are read.
const MAX_ENTRIES: u32 = 128;
/// The type of a partition in the master boot record of a disk with a GUID partition table. It covers the whole disk, so that
/// tools that know only the former leave the disk alone.
const PROTECTIVE: u8 = 0xee;

/// The type of an EFI system partition in a master boot record, and in a GUID partition table. It has a FAT volume, too, but
/// for firmware.
const SYSTEM: u8 = 0xef;
const SYSTEM_GUID: [u8; 16] = *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";

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
/// If the disk cannot be read.
pub fn find_volume(device: &mut dyn BlockDevice, partitions: &[Partition]) -> Result<Option<Place>, Error> {
    let whole = (None, 0, device.sectors());
    let parts = partitions.iter().enumerate().filter(|(_, part)| !part.is_system);
    let parts = parts.map(|(index, part)| (Some(index), part.start, part.sectors));
    for (partition, start, sectors) in [whole].into_iter().chain(parts) {
        let (block, offset) = (first_block(device, start)?, start as usize * SECTOR % BLOCK);
        if let Some(geometry) = block.get(offset..).and_then(|boot| Geometry::parse(boot, sectors)) {
            return Ok(Some((partition, start, geometry)));
        }
    }
    Ok(None)
}

/// Reads the block in which a sector lies.
fn first_block(device: &mut dyn BlockDevice, sector: u64) -> Result<[u8; BLOCK], Error> {
    let mut block = [0; BLOCK];
    let first = sector - sector % SECTORS;
    let sectors = device.sectors().saturating_sub(first).min(SECTORS) as usize;
    device.read(first, &mut block[..sectors * SECTOR])?;
    Ok(block)
}

/// The partitions that lie on the disk. A disk that is one FAT volume has none.
///
/// # Errors
/// If the disk cannot be read.
pub fn find_partitions(device: &mut dyn BlockDevice) -> Result<Partitions, Error> {
    let mut partitions = Vec::new();
    if device.sectors() == 0 {
        return Ok(partitions);
    }
    let boot = first_block(device, 0)?;
    if boot[510..SECTOR] != [0x55, 0xaa] || Geometry::parse(&boot, device.sectors()).is_some() {
        return Ok(partitions);
    }
    for (entry, number) in boot[446..510].as_chunks::<16>().0.iter().zip(1..) {
        let (Some(start), Some(sectors)) = (u32_at(entry, 8), u32_at(entry, 12)) else { continue };
        match entry[4] {
            PROTECTIVE => return guid_partitions(device, &boot),
            0 => {}
            kind => {
                let (start, sectors) = (start.into(), sectors.into());
                add(device, &mut partitions, Partition { number, start, sectors, is_system: kind == SYSTEM });
            }
        }
    }
    Ok(partitions)
}

fn guid_partitions(device: &mut dyn BlockDevice, boot: &[u8; BLOCK]) -> Result<Partitions, Error> {
    let mut partitions = Vec::new();
    // The header is in the second logical block. Nothing on the disk gives the size of a logical block, so both are tried.
    let sizes = [SECTOR, BLOCK];
    let second = if device.sectors() > SECTORS { first_block(device, SECTORS)? } else { [0; BLOCK] };
    let headers = [&boot[SECTOR..2 * SECTOR], &second[..SECTOR]];
    let found = headers.iter().zip(sizes).find(|(header, _)| header.starts_with(b"EFI PART"));
    let Some((header, block)) = found else { return Ok(partitions) };
    let (Some(entries), Some(count), Some(length)) = (u64_at(header, 72), u32_at(header, 80), u32_at(header, 84))
    else {
        return Ok(partitions);
    };
    if !(128..=4096).contains(&length) || !length.is_power_of_two() {
        return Ok(partitions);
    }
    let mut loaded: Option<(u64, [u8; BLOCK])> = None;
    for index in 0..count.min(MAX_ENTRIES) {
        let place = entries.checked_mul(block as u64).and_then(|start| start.checked_add(u64::from(index * length)));
        let Some(place) = place.filter(|place| place / (SECTOR as u64) < device.sectors()) else { break };
        let sector = place / SECTOR as u64;
        let entries = match loaded {
            Some((first, entries)) if first == sector / SECTORS => entries,
            _ => loaded.insert((sector / SECTORS, first_block(device, sector)?)).1,
        };
        let entry = &entries[(place % BLOCK as u64) as usize..];
        let (Some(first), Some(last)) = (u64_at(entry, 32), u64_at(entry, 40)) else { continue };
        let used = entry.get(..16).filter(|kind| kind.iter().any(|&byte| byte != 0));
        let count = last.checked_sub(first).and_then(|count| count.checked_add(1));
        if let Some((kind, count)) = used.zip(count) {
            let unit = (block / SECTOR) as u64;
            let (start, sectors) = (first.saturating_mul(unit), count.saturating_mul(unit));
            let is_system = kind == SYSTEM_GUID;
            add(device, &mut partitions, Partition { number: index as u8 + 1, start, sectors, is_system });
        }
    }
    Ok(partitions)
}

/// Adds a partition if it lies on the disk and there is room for it.
fn add(device: &dyn BlockDevice, partitions: &mut Partitions, partition: Partition) {
    let Partition { start, sectors, .. } = partition;
    let inside = start.checked_add(sectors).is_some_and(|end| end <= device.sectors());
    if inside && start > 0 && sectors > 0 {
        _ = partitions.push(partition);
    }
}
