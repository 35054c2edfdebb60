//! A disk in memory, for a machine whose disks have no volume.

use core::fmt;

use crate::boot_sector::{Geometry, Width};
use crate::disk::{BLOCK, BlockDevice, SECTOR};
use crate::error::Error;

/// Entries of the root directory, 32 bytes each.
const ROOT_ENTRIES: u16 = 256;
/// The type of medium: a disk that is not removable.
const MEDIUM: u8 = 0xf8;
/// From this many sectors on, a cluster has several sectors.
const LARGE: usize = 4096;

/// A disk in memory.
pub struct RamDisk(&'static mut [u8]);

impl fmt::Debug for RamDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RamDisk").field(&self.0.len()).finish()
    }
}

impl RamDisk {
    /// A disk with an empty FAT volume in `memory`, which must be all zeros. It uses whole blocks only.
    ///
    /// Own code, because the FAT crate's formatting, which makes any kind of volume, takes several times as much.
    ///
    /// # Errors
    /// [`Error::NoSpace`] if `memory` is too small.
    pub fn formatted(memory: &'static mut [u8]) -> Result<Self, Error> {
        let (memory, _) = memory.split_at_mut(memory.len() / BLOCK * BLOCK);
        let sectors = memory.len() / SECTOR;
        let per_cluster = if sectors < LARGE { 1 } else { 4 };
        // Large enough for entries of 16 bits, also if they will have 12.
        let table = (sectors / per_cluster * 2).div_ceil(SECTOR);
        let (total, table) = (u32::try_from(sectors).unwrap_or(0), u16::try_from(table).unwrap_or(0));
        let fields: [(usize, &[u8]); 12] = [
            (0, &[0xeb, 0x3c, 0x90]),
            (3, b"nanoqga "),
            (11, &(SECTOR as u16).to_le_bytes()),
            (13, &[per_cluster as u8]),
            // One reserved sector, one table.
            (14, &[1, 0, 1]),
            (17, &ROOT_ENTRIES.to_le_bytes()),
            (21, &[MEDIUM]),
            (22, &table.to_le_bytes()),
            (32, &total.to_le_bytes()),
            (38, &[0x29]),
            (43, b"NANOQGA RAMFAT     "),
            (510, &[0x55, 0xaa]),
        ];
        for (at, field) in fields {
            memory.get_mut(at..at + field.len()).ok_or(Error::NoSpace)?.copy_from_slice(field);
        }
        let geometry = Geometry::parse(memory, sectors as u64).map_err(|_| Error::NoSpace)?;
        // The first two entries, which belong to no cluster.
        let head: &[u8] =
            if geometry.width == Width::Bits12 { &[MEDIUM, 0xff, 0xff] } else { &[MEDIUM, 0xff, 0xff, 0xff] };
        memory[geometry.table as usize..][..head.len()].copy_from_slice(head);
        Ok(Self(memory))
    }

    fn part(&mut self, sector: u64, length: usize) -> Result<&mut [u8], Error> {
        let start = usize::try_from(sector).ok().and_then(|sector| sector.checked_mul(SECTOR));
        start.and_then(|start| self.0.get_mut(start..)?.get_mut(..length)).ok_or(Error::Io)
    }
}

impl BlockDevice for RamDisk {
    fn sectors(&self) -> u64 {
        (self.0.len() / SECTOR) as u64
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn memory(&mut self) -> Option<&mut [u8]> {
        Some(self.0)
    }

    fn read(&mut self, sector: u64, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.copy_from_slice(self.part(sector, bytes.len())?);
        Ok(())
    }

    fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error> {
        self.part(sector, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn discard(&mut self, _: u64, _: u64) -> Result<u64, Error> {
        Err(Error::Unsupported)
    }
}
