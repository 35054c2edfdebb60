//! A FAT volume: files by path.
//!
//! The FAT crate opens the volume anew for each request that it serves, so that only the cache keeps anything between two
//! requests, and a frozen or unmounted volume has nothing left to write. An open file has a trail of clusters, which counts only as
//! long as nothing else has changed. With it most reads and writes need no crate.

mod access;
mod now;
mod trail;
mod view;

use core::cell::RefCell;
use core::fmt;

use lamfat::{
    Dir, DirEntry, Extent, File, FileSystem, FsOptions, LossyOemCpConverter, OemCpConverter, Seek, SeekFrom, Write,
};

use self::access::{Access, State};
use self::now::Now;
pub use self::trail::Trail;
use self::view::{Shown, View};
use crate::boot_sector::{FIRST_CLUSTER, Geometry};
use crate::cache::Cache;
use crate::disk::{BlockDevice, SECTOR};
use crate::error::Error;
use crate::table::next_free;

/// A mounted volume.
pub struct Volume {
    state: State,
    /// Whether it was marked as in use when it was mounted: who used it before did not unmount it.
    was_in_use: bool,
}

/// The space on a volume, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Space for files, used or free.
    pub total: u64,
    /// Free space.
    pub free: u64,
}

type Files<'a, 'd> = FileSystem<View<'a, 'd>, Now, LossyOemCpConverter>;
type Directory<'f, 'a, 'd> = Dir<'f, View<'a, 'd>, Now, LossyOemCpConverter>;
type Entry<'f, 'a, 'd> = DirEntry<'f, View<'a, 'd>, Now, LossyOemCpConverter>;
type Opened<'f, 'a, 'd> = File<'f, View<'a, 'd>, Now, LossyOemCpConverter>;

/// The work of a request. It returns a number.
type Work<'w> = dyn FnMut(&Files<'_, '_>, &RefCell<Access<'_>>) -> Result<u64, Error> + 'w;

/// What is at a path.
enum Found<'f, 'a, 'd, 'p> {
    /// A file, and its size in bytes.
    File(Opened<'f, 'a, 'd>, u64),
    /// Nothing: the directory has no entry of this name.
    Nothing(Directory<'f, 'a, 'd>, &'p str),
}

impl fmt::Debug for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Volume")
            .field("geometry", &self.state.geometry)
            .field("failed", &self.state.failed)
            .finish_non_exhaustive()
    }
}

impl Volume {
    /// The volume with this geometry that begins at sector `start`. It must be mounted before anything else.
    pub fn new(cache: Cache, start: u64, geometry: Geometry) -> Self {
        Self { state: State::new(cache, start * SECTOR as u64, geometry), was_in_use: false }
    }

    /// Mounts the volume, which checks its table of clusters.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the table names clusters that do not exist, [`Error::Io`] if the disk cannot be read.
    pub fn mount(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        let in_use = self.state.geometry.in_use;
        let mut state = [0];
        let mut access = Access::new(&mut self.state, device);
        access.read(in_use, &mut state)?;
        access.look_around()?;
        self.was_in_use = state[0] & 1 != 0;
        Ok(())
    }

    /// Takes the cache back from a volume that could not be mounted.
    pub fn into_cache(mut self) -> Cache {
        self.state.cache.clear();
        self.state.cache
    }

    /// Whether the volume can be written to.
    pub fn is_writable(&self, device: &dyn BlockDevice) -> bool {
        !self.state.failed && !device.is_read_only()
    }

    /// Checks that there is a sound file at `path`, and returns its size in bytes. With `create`, the time in seconds since
    /// 1970, it creates the file if there is none. `truncate` empties the file.
    ///
    /// # Errors
    /// If there is no file, or the volume cannot be written to although `create` is given.
    pub fn open(
        &mut self,
        device: &mut dyn BlockDevice,
        path: &str,
        create: Option<i64>,
        truncate: bool,
    ) -> Result<u64, Error> {
        if create.is_some() && !self.is_writable(device) {
            return Err(Error::ReadOnly);
        }
        self.state.changes += u64::from(create.is_some());
        let shown = Shown::new(&self.state.geometry);
        let cluster = self.state.geometry.cluster;
        let size = self.with(device, create, &mut |files, _| {
            let (mut file, size) = match (find(files, path)?, create) {
                (Found::File(file, size), _) => (file, size),
                (Found::Nothing(..), None) => return Err(Error::NotFound),
                (Found::Nothing(directory, name), Some(_)) => (create_in(&directory, name)?, 0),
            };
            check_chain(&shown, cluster, &mut file, size)?;
            if truncate {
                file.truncate()?;
                file.flush()?;
            }
            Ok(if truncate { 0 } else { size })
        })?;
        if truncate {
            // Written at once, before another file gets the clusters.
            self.sync(device)?;
        }
        Ok(size)
    }

    /// Reads a file from byte `position` on. Fills `into` unless the file ends before. Returns how many bytes were read.
    ///
    /// # Errors
    /// If the first byte cannot be read.
    pub fn read(
        &mut self,
        device: &mut dyn BlockDevice,
        path: &str,
        position: u64,
        into: &mut [u8],
        trail: &mut Option<Trail>,
    ) -> Result<usize, Error> {
        match self.trail(device, path, trail)? {
            Some(trail) => trail.read(&mut self.state, device, position, into),
            None => Ok(0),
        }
    }

    /// Writes at byte `position` of a file, or at its end. Returns how many bytes were written, and the position after them.
    /// A gap between the file's end and `position` is filled with zeros. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If the first byte cannot be written.
    pub fn write(
        &mut self,
        device: &mut dyn BlockDevice,
        path: &str,
        position: Option<u64>,
        bytes: &[u8],
        now: i64,
        trail: &mut Option<Trail>,
    ) -> Result<(usize, u64), Error> {
        if !self.is_writable(device) {
            return Err(Error::ReadOnly);
        }
        if let Some(trail) = trail.as_mut().filter(|trail| trail.is_good(&self.state))
            && let Some(written) = trail.write(&mut self.state, device, position, bytes, Now::at(now))?
        {
            return Ok(written);
        }
        self.state.changes += 1;
        let cluster = u64::from(self.state.geometry.cluster);
        let (mut place, mut size, mut first, mut entry) = (0, 0, None, None);
        let written = self.with(device, Some(now), &mut |files, access| {
            let (mut file, end) = existing(files, path)?;
            let position = position.unwrap_or(end);
            if position >= u32::MAX.into() && !bytes.is_empty() {
                return Err(Error::TooLarge);
            }
            // Checked first, so that a gap that does not fit is not filled in part.
            if position > end && (position - end) / cluster > access.borrow_mut().free_clusters()?.into() {
                return Err(Error::NoSpace);
            }
            file.seek(SeekFrom::Start(position.min(end)))?;
            access.borrow_mut().is_data = true;
            let written = fill(&mut file, end, position).and_then(|()| write_some(&mut file, bytes));
            access.borrow_mut().is_data = false;
            file.flush()?;
            place = position;
            size = file.seek(SeekFrom::End(0))?;
            first = file.extents().next().transpose()?.map(|extent| extent.offset);
            entry = access.borrow().entry;
            written
        })?;
        *trail = self.trail_from(first, size, entry)?;
        Ok((written as usize, place + written))
    }

    /// Whether some of what was written is not on the disk yet.
    pub fn has_unwritten(&self) -> bool {
        self.state.cache.has_unwritten()
    }

    /// Brings everything that was written to stable storage.
    ///
    /// # Errors
    /// If that fails. The volume is read-only from then on, because it is unknown what is on the disk.
    pub fn sync(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        if !self.state.in_use || self.state.failed {
            return if self.state.failed { Err(Error::Io) } else { Ok(()) };
        }
        let done = self.state.cache.write_back(device).and_then(|()| device.flush());
        self.state.failed = done.is_err();
        done
    }

    /// Does as [`sync`](Self::sync), then marks the volume as not in use, until the next write.
    ///
    /// # Errors
    /// As [`sync`](Self::sync).
    pub fn rest(&mut self, device: &mut dyn BlockDevice) -> Result<(), Error> {
        self.sync(device)?;
        if self.state.in_use && !self.was_in_use {
            Access::new(&mut self.state, device).note_use(false)?;
            self.state.failed = device.flush().is_err();
        }
        self.state.in_use = false;
        if self.state.failed { Err(Error::Io) } else { Ok(()) }
    }

    /// The space on the volume.
    ///
    /// # Errors
    /// If the volume cannot be read.
    pub fn space(&mut self, device: &mut dyn BlockDevice) -> Result<Space, Error> {
        let geometry = self.state.geometry;
        let free = Access::new(&mut self.state, device).free_clusters()?;
        let bytes = |clusters: u32| u64::from(clusters) * u64::from(geometry.cluster);
        Ok(Space { total: bytes(geometry.clusters), free: bytes(free) })
    }

    /// Gives runs of free clusters of at least `minimum` bytes back to the host. Returns how many bytes.
    ///
    /// # Errors
    /// If the disk does not support that, or fails.
    pub fn trim(&mut self, device: &mut dyn BlockDevice, minimum: u64) -> Result<u64, Error> {
        if !self.is_writable(device) {
            return Err(Error::ReadOnly);
        }
        // The table on the disk must say that these clusters are free before their contents are lost.
        self.sync(device)?;
        let geometry = self.state.geometry;
        let (mut next, mut trimmed) = (FIRST_CLUSTER, 0);
        loop {
            let mut access = Access::new(&mut self.state, device);
            let Some(free) = next_free(&mut access, &geometry, next, u32::MAX)? else { return Ok(trimmed) };
            next = free.end;
            let bytes = u64::from(free.end - free.start) * u64::from(geometry.cluster);
            if bytes >= minimum {
                let first = (self.state.start + geometry.place(free.start)?) / SECTOR as u64;
                trimmed += device.discard(first, bytes / SECTOR as u64)? * SECTOR as u64;
            }
        }
    }

    /// The trail of a file, made anew if there is none that is still good. `None` if the file is empty.
    fn trail<'t>(
        &mut self,
        device: &mut dyn BlockDevice,
        path: &str,
        trail: &'t mut Option<Trail>,
    ) -> Result<Option<&'t mut Trail>, Error> {
        if trail.as_ref().is_none_or(|trail| !trail.is_good(&self.state)) {
            let mut first = None;
            let size = self.with(device, None, &mut |files, _| {
                let (mut file, size) = existing(files, path)?;
                first = file.extents().next().transpose()?.map(|extent| extent.offset);
                Ok(size)
            })?;
            *trail = self.trail_from(first, size, None)?;
        }
        Ok(trail.as_mut())
    }

    /// The trail of a file whose `first` cluster the FAT crate sees there; none of an empty file.
    fn trail_from(&self, first: Option<u64>, size: u64, entry: Option<u64>) -> Result<Option<Trail>, Error> {
        let State { geometry, changes, .. } = &self.state;
        let place = |first| Shown::new(geometry).in_cluster(first).ok_or(Error::Corrupt);
        first.map(|first| Trail::new(geometry, *changes, size, place(first)?, entry)).transpose()
    }

    /// Opens the volume for `work`. `now`, in seconds since 1970, is the time of what it writes.
    fn with(&mut self, device: &mut dyn BlockDevice, now: Option<i64>, work: &mut Work<'_>) -> Result<u64, Error> {
        let shown = Shown::new(&self.state.geometry);
        let access = RefCell::new(Access::new(&mut self.state, device));
        let options = FsOptions::new().time_provider(Now::at(now.unwrap_or(0)));
        let files = Files::new(View::new(&access, shown), options)?;
        let done = work(&files, &access);
        files.unmount()?;
        done
    }
}

/// The entry with a name in a directory.
fn entry<'f, 'a, 'd>(directory: &Directory<'f, 'a, 'd>, name: &str) -> Result<Option<Entry<'f, 'a, 'd>>, Error> {
    for entry in directory.iter() {
        let entry = entry?;
        if has_name(&entry, name) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Whether an entry has a name, as its long or short one. The case of ASCII letters does not count.
fn has_name(entry: &Entry<'_, '_, '_>, name: &str) -> bool {
    let is_same = |(found, sought): (char, char)| found.eq_ignore_ascii_case(&sought);
    let is_long = entry.long_file_name_as_ucs2_units().is_some_and(|units| {
        let mut sought = name.chars();
        let found = char::decode_utf16(units.iter().copied());
        found.into_iter().all(|found| found.ok().zip(sought.next()).is_some_and(is_same)) && sought.next().is_none()
    });
    let short = entry.short_file_name_as_bytes().iter().map(|&byte| LossyOemCpConverter::new().decode(byte));
    is_long || short.clone().count() == name.chars().count() && short.zip(name.chars()).all(is_same)
}

/// Looks a path up in a loop over its names. The crate would recurse.
fn find<'f, 'a, 'd, 'p>(files: &'f Files<'a, 'd>, path: &'p str) -> Result<Found<'f, 'a, 'd, 'p>, Error> {
    let mut directory = files.root_dir();
    let mut names = path.split('/');
    let Some(mut name) = names.next().filter(|name| !name.is_empty()) else { return Err(Error::IsDirectory) };
    loop {
        match (entry(&directory, name)?, names.next()) {
            (None, None) => return Ok(Found::Nothing(directory, name)),
            (None, Some(_)) => return Err(Error::NotFound),
            (Some(entry), None) if entry.is_dir() => return Err(Error::IsDirectory),
            (Some(entry), None) => return Ok(Found::File(entry.to_file(), entry.len())),
            (Some(entry), Some(_)) if !entry.is_dir() => return Err(Error::NotDirectory),
            (Some(entry), Some(next)) => {
                directory = entry.to_dir();
                name = next;
            }
        }
    }
}

/// A file that exists, and its size in bytes.
fn existing<'f, 'a, 'd>(files: &'f Files<'a, 'd>, path: &str) -> Result<(Opened<'f, 'a, 'd>, u64), Error> {
    match find(files, path)? {
        Found::File(file, size) => Ok((file, size)),
        Found::Nothing(..) => Err(Error::NotFound),
    }
}

fn create_in<'f, 'a, 'd>(directory: &Directory<'f, 'a, 'd>, name: &str) -> Result<Opened<'f, 'a, 'd>, Error> {
    // For a name that begins with another character, the crate cannot make the short name that each file has.
    if !name.starts_with(|first: char| first.is_ascii()) {
        return Err(Error::BadName);
    }
    Ok(directory.create_file(name)?)
}

/// Checks that a file's clusters lie on the volume, and that there are enough of them for its size.
fn check_chain(shown: &Shown, cluster: u32, file: &mut Opened<'_, '_, '_>, size: u64) -> Result<(), Error> {
    let needed = size.div_ceil(cluster.into()) as usize;
    let mut count = 0;
    // An empty file may have a cluster, too.
    for extent in file.extents().take(needed.max(1)) {
        let Extent { offset, .. } = extent?;
        if shown.in_cluster(offset).is_none() {
            return Err(Error::Corrupt);
        }
        count += 1;
    }
    if count >= needed { Ok(()) } else { Err(Error::Corrupt) }
}

/// Writes zeros from the file's end to `position`.
fn fill(file: &mut Opened<'_, '_, '_>, mut end: u64, position: u64) -> Result<(), Error> {
    let zeros = [0; SECTOR];
    while end < position {
        let count = (position - end).min(SECTOR as u64);
        file.write_all(&zeros[..count as usize])?;
        end += count;
    }
    Ok(())
}

/// Writes as much as fits. An error only if that is nothing.
fn write_some(file: &mut Opened<'_, '_, '_>, bytes: &[u8]) -> Result<u64, Error> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write(&bytes[done..]) {
            Ok(count) if count > 0 => done += count,
            Ok(_) if done == 0 => return Err(Error::TooLarge),
            Err(error) if done == 0 => return Err(error.into()),
            Ok(_) | Err(_) => break,
        }
    }
    Ok(done as u64)
}

impl From<lamfat::Error<Self>> for Error {
    fn from(error: lamfat::Error<Self>) -> Self {
        match error {
            lamfat::Error::Io(error) => error,
            lamfat::Error::NotFound => Self::NotFound,
            lamfat::Error::NotEnoughSpace | lamfat::Error::WriteZero => Self::NoSpace,
            lamfat::Error::InvalidFileNameLength => Self::NameTooLong,
            lamfat::Error::UnsupportedFileNameCharacter => Self::BadName,
            _ => Self::Corrupt,
        }
    }
}

impl lamfat::IoError for Error {
    fn is_interrupted(&self) -> bool {
        false
    }

    fn new_unexpected_eof_error() -> Self {
        Self::Corrupt
    }

    fn new_write_zero_error() -> Self {
        Self::NoSpace
    }
}
