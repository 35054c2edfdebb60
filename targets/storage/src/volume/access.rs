//! Access to a volume's bytes for one request.

use crate::boot_sector::{FIRST_CLUSTER, Geometry, Width};
use crate::cache::{Cache, Content};
use crate::disk::BlockDevice;
use crate::error::Error;
use crate::little_endian::u32_at;
use crate::table::{Bytes, Table, count_free, extend};

/// The most reads and writes of one request: a fixed number, and some for each cluster. The limit ends walks over chains and
/// directories that loop.
const CALLS: u64 = 4_000_000;
const CALLS_PER_CLUSTER: u64 = 32;
/// What an information sector has at its beginning and at byte 484, where it also has the number of free clusters and the cluster
/// at which to search for one.
const LEAD: u32 = 0x4161_5252;
const STRUCTURE: u32 = 0x6141_7272;
const NUMBERS: usize = 484;
/// A number of the information sector that is not known.
const UNKNOWN: u32 = u32::MAX;

/// The state of a volume between requests.
pub(super) struct State {
    pub(super) cache: Cache,
    /// The volume's first byte on the disk.
    pub(super) start: u64,
    pub(super) geometry: Geometry,
    /// The number of free clusters of a FAT32 volume, and the cluster at which to search for one.
    free: u32,
    next_free: u32,
    /// The number of free clusters behind the disk's end, which the volume counts, too.
    free_behind: u32,
    /// Where the volume has these two, if it does.
    information: Option<u64>,
    /// Whether the disk says that the volume is in use.
    pub(super) in_use: bool,
    /// Whether a write has failed. The volume is read-only then.
    pub(super) failed: bool,
    /// The number of changes to files and directories.
    pub(super) changes: u64,
    /// The last cluster that was added to a file: the next free one is probably behind it.
    pub(super) last_added: u32,
}

impl State {
    /// The state of a volume that begins at byte `start` of the disk and is not mounted yet.
    pub(super) const fn new(cache: Cache, start: u64, geometry: Geometry) -> Self {
        let (free, next_free, free_behind, information) = (0, UNKNOWN, 0, None);
        Self {
            cache,
            start,
            geometry,
            free,
            next_free,
            free_behind,
            information,
            in_use: false,
            failed: false,
            changes: 0,
            last_added: FIRST_CLUSTER,
        }
    }
}

/// A volume and its disk, during a request.
pub(super) struct Access<'d> {
    volume: &'d mut State,
    device: &'d mut dyn BlockDevice,
    calls_left: u64,
    /// Whether writes outside the table are data of a file.
    pub(super) is_data: bool,
    /// Where the directory entry is that the FAT crate wrote last.
    pub(super) entry: Option<u64>,
}

impl<'d> Access<'d> {
    pub(super) fn new(volume: &'d mut State, device: &'d mut dyn BlockDevice) -> Self {
        let calls_left = CALLS + CALLS_PER_CLUSTER * u64::from(volume.geometry.clusters);
        Self { volume, device, calls_left, is_data: false, entry: None }
    }

    /// The place on the disk of `length` bytes of the volume. Counts the call against the request's limit.
    fn place(&mut self, position: u64, length: usize) -> Result<u64, Error> {
        let inside = position.checked_add(length as u64).is_some_and(|end| end <= self.volume.geometry.end());
        self.calls_left = self.calls_left.saturating_sub(1);
        if inside && self.calls_left > 0 { Ok(self.volume.start + position) } else { Err(Error::Corrupt) }
    }

    pub(super) fn read(&mut self, position: u64, into: &mut [u8]) -> Result<(), Error> {
        self.read_ahead(position, into, 0)
    }

    /// The same. The `ahead` bytes that follow will be read soon.
    pub(super) fn read_ahead(&mut self, position: u64, into: &mut [u8], ahead: u64) -> Result<(), Error> {
        let place = self.place(position, into.len())?;
        self.volume.cache.read(self.device, place, into, ahead)
    }

    /// Whether the disk need not be read for the byte at `position`.
    pub(super) fn has(&mut self, position: u64) -> bool {
        self.device.memory().is_some() || self.volume.cache.has(self.volume.start + position)
    }

    /// Adds a free cluster to the chain that ends with `last`.
    pub(super) fn add_cluster(&mut self, last: u32) -> Result<u32, Error> {
        let geometry = self.volume.geometry;
        let new = extend(self, &geometry, last, self.volume.last_added)?;
        self.volume.last_added = new;
        if geometry.width == Width::Bits32 {
            self.set_free_count(&self.volume.free.saturating_sub(1).to_le_bytes())?;
            self.set_next_free(&new.to_le_bytes())?;
        }
        Ok(new)
    }

    /// Writes bytes of a file.
    pub(super) fn write_data(&mut self, position: u64, from: &[u8]) -> Result<(), Error> {
        self.is_data = true;
        let written = self.write(position, from);
        self.is_data = false;
        written
    }

    /// Counts the free clusters, which checks the table, and finds the information sector. Its count is not used, because a hostile
    /// or damaged volume may lie.
    pub(super) fn look_around(&mut self) -> Result<(), Error> {
        let geometry = self.volume.geometry;
        self.volume.free = count_free(self, &geometry, geometry.there())?;
        self.volume.free_behind = count_free(self, &geometry, geometry.behind())?;
        let Some(place) = geometry.information else { return Ok(()) };
        let (mut lead, mut numbers) = ([0; 4], [0; 12]);
        self.read(place, &mut lead)?;
        self.read(place + NUMBERS as u64, &mut numbers)?;
        if u32_at(&lead, 0) == Some(LEAD) && u32_at(&numbers, 0) == Some(STRUCTURE) {
            self.volume.information = Some(place);
            self.volume.next_free = u32_at(&numbers, 8).unwrap_or(UNKNOWN);
        }
        Ok(())
    }

    /// The number of free clusters.
    pub(super) fn free_clusters(&mut self) -> Result<u32, Error> {
        let geometry = self.volume.geometry;
        match geometry.width {
            Width::Bits32 => Ok(self.volume.free),
            Width::Bits12 | Width::Bits16 => count_free(self, &geometry, geometry.there()),
        }
    }

    /// The number of free clusters of a FAT32 volume, and the cluster at which to search for one.
    pub(super) const fn free_and_next(&self) -> (u32, u32) {
        (self.volume.free, self.volume.next_free)
    }

    pub(super) fn set_free_count(&mut self, raw: &[u8]) -> Result<(), Error> {
        self.volume.free = u32_at(raw, 0).ok_or(Error::Corrupt)?;
        let told = self.volume.free.saturating_add(self.volume.free_behind);
        self.write_information(4, &told.to_le_bytes())
    }

    pub(super) fn set_next_free(&mut self, raw: &[u8]) -> Result<(), Error> {
        self.volume.next_free = u32_at(raw, 0).ok_or(Error::Corrupt)?;
        self.write_information(8, raw)
    }

    fn write_information(&mut self, offset: u64, raw: &[u8]) -> Result<(), Error> {
        self.volume.information.map_or(Ok(()), |place| self.write(place + NUMBERS as u64 + offset, raw))
    }

    pub(super) fn write(&mut self, position: u64, from: &[u8]) -> Result<(), Error> {
        let place = self.place(position, from.len())?;
        let volume = &mut *self.volume;
        if volume.failed || self.device.is_read_only() {
            return Err(Error::ReadOnly);
        }
        if !volume.in_use {
            self.note_use(true)?;
        }
        let volume = &mut *self.volume;
        let (first, end) = volume.geometry.tables;
        let content = match position {
            _ if (first..end).contains(&position) => Content::Table,
            _ if self.is_data => Content::Data,
            _ => Content::Directory,
        };
        let written = volume.cache.write(self.device, place, from, content);
        volume.failed = written.is_err();
        written
    }

    /// Marks the volume on the disk, at once, as in use or not. There must be no other unwritten blocks.
    pub(super) fn note_use(&mut self, in_use: bool) -> Result<(), Error> {
        let at = self.volume.geometry.in_use;
        let mut state = [0];
        self.read(at, &mut state)?;
        let state = [state[0] & !1 | u8::from(in_use)];
        let State { cache, start, .. } = &mut *self.volume;
        let written = cache
            .write(self.device, *start + at, &state, Content::Directory)
            .and_then(|()| cache.write_back(self.device));
        self.volume.failed = written.is_err();
        self.volume.in_use = in_use;
        written
    }
}

impl Bytes for Access<'_> {
    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), Error> {
        self.read(position, into)
    }
}

impl Table for Access<'_> {
    fn write_table(&mut self, offset: u64, from: &[u8]) -> Result<(), Error> {
        let Geometry { table, tables: (first, end), table_bytes, mirrored, .. } = self.volume.geometry;
        if !mirrored {
            return self.write(table + offset, from);
        }
        let mut copy = first;
        while copy < end {
            self.write(copy + offset, from)?;
            copy += table_bytes;
        }
        Ok(())
    }
}
