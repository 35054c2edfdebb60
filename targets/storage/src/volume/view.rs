//! The volume as the FAT crate sees it.
//!
//! Linux mounts more volumes than the crate does, which derives the width of the table's entries from the number of clusters,
//! and wants an information sector. It also trusts what these sectors say. So the crate sees a boot sector and an information
//! sector that are made here of the checked geometry, and one copy of the table, with entries for as many clusters as it wants.
//! What it writes to the table goes to all copies.

use core::cell::RefCell;

use lamfat::{IoBase, Read, Seek, SeekFrom, Write};

use super::access::Access;
use crate::boot_sector::{FIRST_CLUSTER, Geometry, Width};
use crate::disk::SECTOR;
use crate::error::Error;
use crate::table::Table as _;

/// Sectors before the table: the boot sector and the information sector.
const RESERVED: u16 = 2;
/// Where the information sector has the number of free clusters, and the cluster at which to search for one.
const FREE_COUNT: usize = 488;
const NEXT_FREE: usize = 492;

/// The size of a file's name in its directory entry, which begins with it.
const SHORT_NAME: usize = 11;

/// The volume's bytes in the crate's order.
pub(super) struct View<'a, 'd> {
    access: &'a RefCell<Access<'d>>,
    shown: Shown,
    position: u64,
}

/// Where the crate finds the volume's parts, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    geometry: Geometry,
    /// The number of clusters that the crate sees. Those that the volume does not have are in use.
    clusters: u32,
    table_sectors: u32,
    information: u64,
    table: u64,
    /// After the table.
    rest: u64,
}

/// What is at a position, and the byte of it.
enum Part {
    Boot(usize),
    Information(usize),
    Table(u64),
    /// A byte of the volume.
    Volume(u64),
}

impl Shown {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let (least, bits) = match geometry.width {
            Width::Bits12 => (0, 12),
            Width::Bits16 => (4085, 16),
            Width::Bits32 => (65525, 32),
        };
        let clusters = geometry.clusters.max(least);
        let sector = u64::from(geometry.sector);
        let table_bytes = (u64::from(clusters + FIRST_CLUSTER) * bits).div_ceil(8);
        let table_sectors = (table_bytes + sector - 1).checked_div(sector).unwrap_or(0);
        let information = sector;
        let table = sector * u64::from(RESERVED);
        // It has at most as many sectors as the volume's own, or those for `least`.
        let rest = table + table_sectors * sector;
        Self { geometry: *geometry, clusters, table_sectors: table_sectors as u32, information, table, rest }
    }

    /// The byte of the volume at which the crate sees `rest`.
    fn volume_rest(&self) -> u64 {
        if self.geometry.width == Width::Bits32 { self.geometry.data } else { self.geometry.tables.1 }
    }

    /// The byte of the volume at the crate's `position`, if that lies in a cluster of the volume.
    pub(super) fn in_cluster(&self, position: u64) -> Option<u64> {
        let position = position.checked_sub(self.rest).and_then(|offset| self.volume_rest().checked_add(offset))?;
        (self.geometry.data..self.geometry.end()).contains(&position).then_some(position)
    }

    fn part(&self, position: u64) -> Part {
        match position {
            _ if position < self.information => Part::Boot(position as usize),
            _ if position < self.table => Part::Information((position - self.information) as usize),
            _ if position < self.rest => Part::Table(position - self.table),
            _ => Part::Volume(self.volume_rest().saturating_add(position - self.rest)),
        }
    }

    /// Whether a byte of the table belongs to an entry of the volume.
    fn has_entry(&self, offset: u64) -> bool {
        let clusters = u64::from(self.geometry.clusters + FIRST_CLUSTER);
        match self.geometry.width {
            // The crate sees as many clusters as there are.
            Width::Bits12 => true,
            Width::Bits16 => offset / 2 < clusters,
            Width::Bits32 => offset / 4 < clusters,
        }
    }

    fn boot_sector(&self) -> [u8; SECTOR] {
        let Geometry { width, sector, root_sectors, per_cluster, root_entries, root_cluster, .. } = self.geometry;
        let is_32 = width == Width::Bits32;
        let (root_entries, root_sectors) = if is_32 { (0, 0) } else { (root_entries, root_sectors) };
        let (narrow, wide) = if is_32 { (0, self.table_sectors) } else { (self.table_sectors as u16, 0) };
        let data_sectors = self.clusters * u32::from(per_cluster);
        let total = u32::from(RESERVED) + self.table_sectors + root_sectors + data_sectors;
        fill(&[
            (0, &[0xeb, 0x58, 0x90]),
            (11, &(sector as u16).to_le_bytes()),
            (13, &[per_cluster]),
            (14, &RESERVED.to_le_bytes()),
            (16, &[1]),
            (17, &root_entries.to_le_bytes()),
            (21, &[0xf8]),
            (22, &narrow.to_le_bytes()),
            (32, &total.to_le_bytes()),
            (36, &wide.to_le_bytes()),
            (44, &root_cluster.to_le_bytes()),
            (48, &[1]),
            (510, &[0x55, 0xaa]),
        ])
    }
}

fn information_sector(free: u32, next: u32) -> [u8; SECTOR] {
    fill(&[
        (0, b"RRaA"),
        (484, b"rrAa"),
        (FREE_COUNT, &free.to_le_bytes()),
        (NEXT_FREE, &next.to_le_bytes()),
        (510, &[0x55, 0xaa]),
    ])
}

/// A sector with these fields at these places, and zeros elsewhere.
fn fill(fields: &[(usize, &[u8])]) -> [u8; SECTOR] {
    let mut sector = [0; SECTOR];
    for (at, field) in fields {
        sector.iter_mut().skip(*at).zip(*field).for_each(|(place, byte)| *place = *byte);
    }
    sector
}

fn copy(sector: &[u8; SECTOR], offset: usize, into: &mut [u8]) -> Result<(), Error> {
    let bytes = sector.get(offset..).and_then(|rest| rest.get(..into.len())).ok_or(Error::Corrupt)?;
    into.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    Ok(())
}

impl<'a, 'd> View<'a, 'd> {
    pub(super) const fn new(access: &'a RefCell<Access<'d>>, shown: Shown) -> Self {
        Self { access, shown, position: 0 }
    }
}

impl IoBase for View<'_, '_> {
    type Error = Error;
}

impl Read for View<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        let mut access = self.access.borrow_mut();
        match self.shown.part(self.position) {
            Part::Boot(offset) => copy(&self.shown.boot_sector(), offset, into)?,
            Part::Information(offset) => {
                let (free, next) = access.free_and_next();
                copy(&information_sector(free, next), offset, into)?;
            }
            Part::Table(offset) if !self.shown.has_entry(offset) => into.fill(0xff),
            Part::Table(offset) => access.read(self.shown.geometry.table + offset, into)?,
            Part::Volume(position) => access.read(position, into)?,
        }
        self.position += into.len() as u64;
        Ok(into.len())
    }
}

impl Write for View<'_, '_> {
    fn write(&mut self, from: &[u8]) -> Result<usize, Error> {
        let mut access = self.access.borrow_mut();
        match self.shown.part(self.position) {
            // The crate's mark that the volume is in use. `Access::note_use` writes the one on the disk.
            Part::Boot(_) => {}
            // The crate writes each field in a call of its own.
            Part::Information(FREE_COUNT) => access.set_free_count(from)?,
            Part::Information(NEXT_FREE) => access.set_next_free(from)?,
            Part::Information(_) => {}
            Part::Table(offset) if !self.shown.has_entry(offset) => return Err(Error::Corrupt),
            Part::Table(offset) => access.write_table(offset, from)?,
            Part::Volume(position) => {
                access.write(position, from)?;
                // The crate writes each field in a call of its own. Only the first one of a file's entry has this size.
                if from.len() == SHORT_NAME && !access.is_data {
                    access.entry = Some(position);
                }
            }
        }
        self.position += from.len() as u64;
        Ok(from.len())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Seek for View<'_, '_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64, Error> {
        self.position = match to {
            SeekFrom::Start(start) => Some(start),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(_) => None,
        }
        .ok_or(Error::Corrupt)?;
        Ok(self.position)
    }
}
