//! Access to a volume's bytes for one request.

use core::cell::RefCell;

use lamfat::{IoBase, Read, Seek, SeekFrom, Write};

use crate::boot_sector::Geometry;
use crate::cache::{Cache, Content};
use crate::disk::BlockDevice;
use crate::error::Error;
use crate::table::{Bytes, Table, count_free, extend};

/// The most reads and writes of one request: a fixed number, and some for each cluster. The limit ends walks over chains and
/// directories that loop.
const CALLS: u64 = 4_000_000;
const CALLS_PER_CLUSTER: u64 = 32;

/// The size of a file's name in its directory entry, which begins with it.
const SHORT_NAME: usize = 11;

/// The state of a volume between requests.
pub(super) struct State {
    pub(super) cache: Cache,
    /// The volume's first byte on the disk.
    pub(super) start: u64,
    pub(super) geometry: Geometry,
    /// The number of free clusters, on a volume that stores it itself.
    pub(super) free: u32,
    /// Whether the disk says that the volume is in use.
    pub(super) in_use: bool,
    /// Whether a write has failed. The volume is read-only then.
    pub(super) failed: bool,
    /// The number of changes to files and directories.
    pub(super) changes: u64,
    /// The last cluster that was added to a file: the next free one is probably behind it.
    pub(super) last_added: u32,
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
        if let Some(place) = geometry.free_count {
            self.volume.free = self.volume.free.saturating_sub(1);
            self.write(place, &self.volume.free.to_le_bytes())?;
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

    /// The number of free clusters.
    pub(super) fn free_clusters(&mut self) -> Result<u32, Error> {
        let geometry = self.volume.geometry;
        match geometry.free_count {
            Some(_) => Ok(self.volume.free),
            None => count_free(self, &geometry),
        }
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

/// The volume as the FAT crate sees it. Two fields are hidden from the crate: the mark that the volume is in use, which
/// [`Access::note_use`] writes, and the number of free clusters, which was counted because a hostile volume may lie.
pub(super) struct View<'a, 'd> {
    access: &'a RefCell<Access<'d>>,
    position: u64,
}

impl<'a, 'd> View<'a, 'd> {
    pub(super) const fn new(access: &'a RefCell<Access<'d>>) -> Self {
        Self { access, position: 0 }
    }
}

impl IoBase for View<'_, '_> {
    type Error = Error;
}

impl Read for View<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        let mut access = self.access.borrow_mut();
        access.read(self.position, into)?;
        // The crate reads each field in a call of its own.
        if self.position == access.volume.geometry.in_use
            && let [state] = into
        {
            *state &= !1;
        } else if Some(self.position) == access.volume.geometry.free_count && into.len() == 4 {
            into.copy_from_slice(&access.volume.free.to_le_bytes());
        }
        self.position += into.len() as u64;
        Ok(into.len())
    }
}

impl Write for View<'_, '_> {
    fn write(&mut self, from: &[u8]) -> Result<usize, Error> {
        let mut access = self.access.borrow_mut();
        if self.position == access.volume.geometry.in_use && from.len() == 1 {
            return Ok(1);
        }
        access.write(self.position, from)?;
        // The crate writes each field in a call of its own. Only the first one of a file's entry has this size.
        if from.len() == SHORT_NAME && !access.is_data {
            access.entry = Some(self.position);
        }
        if Some(self.position) == access.volume.geometry.free_count
            && let [a, b, c, d] = *from
        {
            access.volume.free = u32::from_le_bytes([a, b, c, d]);
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
