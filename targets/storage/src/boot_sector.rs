//! Reads the boot sector of a FAT volume, which gives its geometry (Microsoft, FAT32 File System Specification 1.03).

use crate::disk::SECTOR;
use crate::error::Error;
use crate::little_endian::{u16_at, u32_at};

/// The number of the first cluster. The first two entries of the table belong to no cluster.
pub(super) const FIRST_CLUSTER: u32 = 2;
/// The largest table: in a larger one, numbers of clusters would be special values.
const MAX_TABLE_BYTES: u64 = 0x3fff_0000;

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

/// The places of a volume's parts, in bytes from its beginning. They lie on the volume and do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// The width of the table's entries.
    pub width: Width,
    /// The active copy of the table.
    pub table: u64,
    /// The first byte of all copies of the table, and the byte after the last one.
    pub tables: (u64, u64),
    /// The size of a copy.
    pub table_bytes: u64,
    /// Whether all copies are kept the same.
    pub mirrored: bool,
    /// The first cluster.
    pub data: u64,
    /// The number of clusters.
    pub clusters: u32,
    /// The size of a cluster, in bytes.
    pub cluster: u32,
    /// The byte whose bit 0 says that the volume is in use.
    pub in_use: u64,
    /// The number of free clusters that a FAT32 volume stores, 4 bytes.
    pub free_count: Option<u64>,
}

impl Geometry {
    /// Reads the boot sector of a volume of at most `sectors` sectors. `None` if that is no FAT volume, or a damaged one.
    pub fn parse(boot: &[u8], sectors: u64) -> Option<Self> {
        if boot.get(510..SECTOR)? != [0x55, 0xaa] || !matches!(boot.first()?, 0xeb | 0xe9) {
            return None;
        }
        let byte = |at: usize| boot.get(at).copied().map(u64::from);
        let short = |at: usize| u16_at(boot, at).map(u64::from);
        let long = |at: usize| u32_at(boot, at).map(u64::from);
        let either = |narrow: u64, wide: u64| if narrow == 0 { wide } else { narrow };

        let sector = short(11)?;
        let (per_cluster, reserved, copies, root_entries) = (byte(13)?, short(14)?, byte(16)?, short(17)?);
        let total = either(short(19)?, long(32)?);
        let is_32 = short(22)? == 0;
        let per_table = if is_32 { long(36)? } else { short(22)? };
        let sound = matches!(sector, 512 | 1024 | 2048 | 4096)
            && per_cluster.is_power_of_two()
            && reserved > 0
            && matches!(copies, 1..=4)
            && per_table > 0
            && per_table * sector <= MAX_TABLE_BYTES
            && (root_entries == 0) == is_32;
        // None of these products and sums can overflow: their factors have 32 and 16 bits at most.
        let root = reserved + copies * per_table;
        let data = root + (root_entries * 32).div_ceil(sector.max(1));
        if !sound || total <= data || total * sector > sectors * SECTOR as u64 {
            return None;
        }
        let clusters = u32::try_from((total - data) / per_cluster).ok()?;
        let width = match clusters {
            0 => return None,
            1..4085 => Width::Bits12,
            4085..65525 => Width::Bits16,
            _ => Width::Bits32,
        };
        let bits = match width {
            Width::Bits12 => 12,
            Width::Bits16 => 16,
            Width::Bits32 => 32,
        };
        let fits = (u64::from(clusters) + u64::from(FIRST_CLUSTER)) * bits <= per_table * sector * 8;
        if (width == Width::Bits32) != is_32 || !fits {
            return None;
        }
        let (mut active, mut free_count, mut mirrored) = (0, None, true);
        if is_32 {
            let (flags, root_cluster, information) = (short(40)?, long(44)?, short(48)?);
            let is_cluster = (2..u64::from(clusters) + 2).contains(&root_cluster);
            // Bit 7 says that the copies of the table differ, and the lowest four bits which one is active.
            mirrored = flags & 0x80 == 0;
            active = if mirrored { 0 } else { flags & 0xf };
            if !is_cluster || active >= copies || information == 0 || information >= reserved {
                return None;
            }
            free_count = Some(information * sector + 488);
        }
        Some(Self {
            width,
            table: (reserved + active * per_table) * sector,
            tables: (reserved * sector, root * sector),
            table_bytes: per_table * sector,
            mirrored,
            data: data * sector,
            clusters,
            cluster: (per_cluster * sector) as u32,
            in_use: if is_32 { 0x41 } else { 0x25 },
            free_count,
        })
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
