//! Reads the boot sector of a FAT volume, which gives its geometry (Microsoft, FAT32 File System Specification 1.03).

use core::ops::Range;

use crate::disk::SECTOR;
use crate::error::Error;
use crate::little_endian::{u16_at, u32_at};

/// The number of the first cluster. The first two entries of the table belong to no cluster.
pub(super) const FIRST_CLUSTER: u32 = 2;
/// The largest table: in a larger one, numbers of clusters would be special values.
const MAX_TABLE_BYTES: u64 = 0x3fff_0000;

/// The length of a label.
pub const LABEL: usize = 11;

/// The width of the table's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// FAT12.
    Bits12,
    /// FAT16.
    Bits16,
    /// FAT32.
    Bits32,
}

/// The places of a volume's parts, in bytes from its beginning. They do not overlap, and lie on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// The width of the table's entries.
    pub width: Width,
    /// The size of the volume's own sectors, in bytes.
    pub sector: u32,
    /// The size of a FAT12 or FAT16 volume's root directory, in these sectors.
    pub root_sectors: u32,
    /// The active copy of the table.
    pub table: u64,
    /// The first byte of all copies of the table, and the byte after the last one.
    pub tables: (u64, u64),
    /// The size of a copy.
    pub table_bytes: u64,
    /// Whether all copies are kept the same.
    pub mirrored: bool,
    /// Entries of the root directory, which begins after the tables. A FAT32 volume has it in clusters.
    pub root_entries: u16,
    /// The first cluster of a FAT32 volume's root directory.
    pub root_cluster: u32,
    /// The first cluster.
    pub data: u64,
    /// The number of clusters that lie on the disk.
    pub clusters: u32,
    /// The number of clusters that the volume has. The disk may be too short for the last ones.
    pub named_clusters: u32,
    /// The size of a cluster, in bytes.
    pub cluster: u32,
    /// The same in the volume's own sectors.
    pub per_cluster: u8,
    /// The byte whose bit 0 says that the volume is in use.
    pub in_use: u64,
    /// Where a FAT32 volume may have its information sector, with the number of free clusters.
    pub information: Option<u64>,
    /// The label in the boot sector, padded with spaces.
    pub label: [u8; LABEL],
}

impl Geometry {
    /// Reads the boot sector of a volume on `sectors` sectors of a disk. What Linux mounts is a volume, so neither the jump
    /// at the beginning counts nor the signature at the end, and the disk may be shorter than the volume says.
    ///
    /// # Errors
    /// [`Error::NoVolume`] if this is no boot sector, [`Error::Corrupt`] if its numbers contradict each other.
    pub fn parse(boot: &[u8], sectors: u64) -> Result<Self, Error> {
        let numbers = Numbers::read(boot).filter(Numbers::are_plausible).ok_or(Error::NoVolume)?;
        let geometry = numbers.geometry(sectors).ok_or(Error::Corrupt)?;
        let label =
            boot.get(if geometry.width == Width::Bits32 { 71 } else { 43 }..).and_then(|rest| rest.first_chunk());
        Ok(Self { label: label.copied().unwrap_or_default(), ..geometry })
    }

    /// The numbers of the clusters that lie on the disk.
    pub(super) fn there(&self) -> Range<u32> {
        FIRST_CLUSTER..FIRST_CLUSTER + self.clusters
    }

    /// The numbers of the clusters that would lie behind the disk's end.
    pub(super) fn behind(&self) -> Range<u32> {
        FIRST_CLUSTER + self.clusters..FIRST_CLUSTER + self.named_clusters
    }

    /// The byte after the last cluster.
    pub fn end(&self) -> u64 {
        self.data + u64::from(self.clusters) * u64::from(self.cluster)
    }

    /// How many whole clusters are in so many bytes, which are less than a file can have, and the rest.
    pub(super) const fn split(&self, bytes: u64) -> (u32, u64) {
        // A cluster's size is a power of two.
        ((bytes >> self.cluster.trailing_zeros()) as u32, bytes & (self.cluster as u64 - 1))
    }

    /// Whether there is such a cluster.
    pub(super) fn has(&self, cluster: u32) -> bool {
        self.place(cluster).is_ok()
    }

    /// The first byte of a cluster.
    pub(super) fn place(&self, cluster: u32) -> Result<u64, Error> {
        match cluster.checked_sub(FIRST_CLUSTER) {
            Some(index) if index < self.clusters => Ok(self.data + u64::from(index) * u64::from(self.cluster)),
            _ => Err(Error::Corrupt),
        }
    }
}

/// The numbers of a boot sector.
struct Numbers {
    sector: u64,
    per_cluster: u64,
    reserved: u64,
    copies: u64,
    root_entries: u16,
    medium: u64,
    total: u64,
    /// Sectors of a table, in the field of FAT12 and FAT16, and in that of FAT32.
    narrow_table: u64,
    wide_table: u64,
    flags: u64,
    root_cluster: u32,
    information: u64,
}

impl Numbers {
    fn read(boot: &[u8]) -> Option<Self> {
        let byte = |at: usize| boot.get(at).copied().map(u64::from);
        let short = |at: usize| u16_at(boot, at).map(u64::from);
        let long = |at: usize| u32_at(boot, at).map(u64::from);
        Some(Self {
            sector: short(11)?,
            per_cluster: byte(13)?,
            reserved: short(14)?,
            copies: byte(16)?,
            root_entries: u16_at(boot, 17)?,
            medium: byte(21)?,
            total: if short(19)? == 0 { long(32)? } else { short(19)? },
            narrow_table: short(22)?,
            wide_table: long(36)?,
            flags: short(40)?,
            root_cluster: u32_at(boot, 44)?,
            information: short(48)?,
        })
    }

    /// Whether this is a FAT volume at all: the checks of Linux, `fat_read_bpb`.
    fn are_plausible(&self) -> bool {
        self.reserved > 0
            && self.copies > 0
            && matches!(self.medium, 0xf0 | 0xf8..)
            && matches!(self.sector, 512 | 1024 | 2048 | 4096)
            && self.per_cluster.is_power_of_two()
            && (self.narrow_table > 0 || self.wide_table > 0)
    }

    fn geometry(&self, sectors: u64) -> Option<Geometry> {
        let &Self { sector, per_cluster, reserved, copies, root_entries, total, .. } = self;
        let is_32 = self.narrow_table == 0;
        let per_table = if is_32 { self.wide_table } else { self.narrow_table };
        // None of these products and sums can overflow: their factors have 32, 16 and 16 bits at most.
        let table_bytes = per_table * sector;
        let root = reserved + copies * per_table;
        let root_bytes = u64::from(root_entries) * 32;
        let data = root + root_bytes.checked_div(sector)?;
        let rounds = root_bytes.is_multiple_of(sector) && (root_entries > 0 || is_32);
        if table_bytes > MAX_TABLE_BYTES || !rounds {
            return None;
        }
        let there = total.min(sectors.saturating_mul(SECTOR as u64).checked_div(sector)?);
        let clusters = |sectors: u64| sectors.checked_sub(data)?.checked_div(per_cluster);
        let named = clusters(total)?;
        let width = match named {
            _ if is_32 => Width::Bits32,
            0..4085 => Width::Bits12,
            _ => Width::Bits16,
        };
        let bits = match width {
            Width::Bits12 => 12,
            Width::Bits16 => 16,
            Width::Bits32 => 32,
        };
        // A table may be too short for the last clusters. They are not used then.
        let named = named.min((table_bytes * 8 / bits).checked_sub(FIRST_CLUSTER.into())?);
        let there = clusters(there)?.min(named);
        if there == 0 || width == Width::Bits16 && named >= 65525 {
            return None;
        }
        let is_cluster = (2..there + 2).contains(&self.root_cluster.into());
        // Bit 7 says that the copies of the table differ, and the lowest four bits which one is active.
        let mirrored = !is_32 || self.flags & 0x80 == 0;
        let active = if mirrored { 0 } else { self.flags & 0xf };
        if is_32 && !is_cluster || active >= copies {
            return None;
        }
        // As in Linux, 0 means 1.
        let information = Some(self.information.max(1)).filter(|&information| is_32 && information < reserved);
        Some(Geometry {
            width,
            sector: sector as u32,
            root_sectors: (data - root) as u32,
            table: (reserved + active * per_table) * sector,
            tables: (reserved * sector, root * sector),
            table_bytes,
            mirrored,
            root_entries,
            root_cluster: self.root_cluster,
            data: data * sector,
            clusters: u32::try_from(there).ok()?,
            named_clusters: u32::try_from(named).ok()?,
            cluster: (per_cluster * sector) as u32,
            per_cluster: per_cluster as u8,
            in_use: if is_32 { 0x41 } else { 0x25 },
            information: information.map(|information| information * sector),
            label: [0; LABEL],
        })
    }
}
