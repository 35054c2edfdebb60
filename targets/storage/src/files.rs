//! Open files and their handles.

use embedded_io::SeekFrom;
use heapless::{String, Vec};

use crate::disk::BlockDevice;
use crate::error::Error;
use crate::volume::{Trail, Volume};

/// The most files that can be open at a time.
pub const MAX_OPEN: usize = 16;
/// The first handle, which is that of QEMU's agent, too.
const FIRST_HANDLE: i64 = 1000;
const MAX_PATH: usize = 255;

/// A path without `.`, `..`, empty names and a leading slash.
type Path = String<MAX_PATH>;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading. The file must exist.
    Read,
    /// Writing to a file that is created, or emptied first.
    Write,
    /// Writing at the end of a file, which is created if it does not exist.
    Append,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenMode {
    /// What it is opened for.
    pub access: Access,
    /// Whether it can be both read and written.
    pub update: bool,
}

/// The open files of one volume.
#[derive(Debug)]
pub struct OpenFiles {
    open: Vec<OpenFile, MAX_OPEN>,
    next_handle: i64,
}

#[derive(Debug)]
struct OpenFile {
    handle: i64,
    path: Path,
    mode: OpenMode,
    position: u64,
    trail: Option<Trail>,
}

impl Default for OpenFiles {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenFiles {
    /// No open files.
    pub const fn new() -> Self {
        Self { open: Vec::new(), next_handle: FIRST_HANDLE }
    }

    /// Closes all files, because their disk is gone. Their handles are not used again.
    pub fn close_all(&mut self) {
        self.open.clear();
    }

    /// Opens the file at `path` and returns its handle. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If the file cannot be opened in this mode, or too many are open.
    pub fn open(
        &mut self,
        volume: &mut Volume,
        device: &mut dyn BlockDevice,
        path: impl Iterator<Item = char>,
        mode: OpenMode,
        now: i64,
    ) -> Result<i64, Error> {
        let path = normal(path)?;
        if self.open.is_full() {
            return Err(Error::TooManyOpen);
        }
        match mode.access {
            // Opening writes nothing here, but the file must be writable.
            Access::Read if mode.update && !volume.is_writable(device) => return Err(Error::ReadOnly),
            Access::Read => volume.open(device, &path, None, false)?,
            Access::Write => volume.open(device, &path, Some(now), true)?,
            Access::Append => volume.open(device, &path, Some(now), false)?,
        };
        let handle = self.next_handle;
        self.next_handle += 1;
        // There is room: see above.
        _ = self.open.push(OpenFile { handle, path, mode, position: 0, trail: None });
        Ok(handle)
    }

    /// Whether this is the handle of an open file.
    pub fn is_open(&self, handle: i64) -> bool {
        self.open.iter().any(|file| file.handle == handle)
    }

    /// Closes a file, and brings what was written to stable storage.
    ///
    /// # Errors
    /// As [`Volume::sync`].
    pub fn close(&mut self, volume: &mut Volume, device: &mut dyn BlockDevice, handle: i64) -> Result<(), Error> {
        let mode = self.file(handle)?.mode;
        self.open.retain(|file| file.handle != handle);
        if writes(mode) { volume.sync(device) } else { Ok(()) }
    }

    /// Brings what was written to stable storage.
    ///
    /// # Errors
    /// As [`Volume::sync`].
    pub fn flush(&mut self, volume: &mut Volume, device: &mut dyn BlockDevice, handle: i64) -> Result<(), Error> {
        if writes(self.file(handle)?.mode) { volume.sync(device) } else { Ok(()) }
    }

    /// Reads from the file's position on. Fills `into` unless the file ends before. Returns how many bytes were read.
    ///
    /// # Errors
    /// If the file is not open for reading, or cannot be read.
    pub fn read(
        &mut self,
        volume: &mut Volume,
        device: &mut dyn BlockDevice,
        handle: i64,
        into: &mut [u8],
    ) -> Result<usize, Error> {
        let file = self.file(handle)?;
        if file.mode.access != Access::Read && !file.mode.update {
            return Err(Error::NotOpenForReading);
        }
        let count = volume.read(device, &file.path, file.position, into, &mut file.trail)?;
        file.position += count as u64;
        Ok(count)
    }

    /// Writes at the file's position, or at its end if it was opened for appending. Returns how many bytes were written.
    ///
    /// # Errors
    /// If the file is not open for writing, or the first byte cannot be written.
    pub fn write(
        &mut self,
        volume: &mut Volume,
        device: &mut dyn BlockDevice,
        handle: i64,
        bytes: &[u8],
        now: i64,
    ) -> Result<usize, Error> {
        let file = self.file(handle)?;
        if !writes(file.mode) {
            return Err(Error::NotOpenForWriting);
        }
        let position = (file.mode.access != Access::Append).then_some(file.position);
        let (count, end) = volume.write(device, &file.path, position, bytes, now, &mut file.trail)?;
        file.position = end;
        Ok(count)
    }

    /// Moves the file's position. Returns the new one.
    ///
    /// # Errors
    /// If the file is not open, or the position would be negative or too large.
    pub fn seek(
        &mut self,
        volume: &mut Volume,
        device: &mut dyn BlockDevice,
        handle: i64,
        to: SeekFrom,
    ) -> Result<u64, Error> {
        let file = self.file(handle)?;
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => file.position.checked_add_signed(by),
            SeekFrom::End(by) => volume.open(device, &file.path, None, false)?.checked_add_signed(by),
        };
        // Hosts read positions as signed numbers.
        file.position = position.filter(|&position| i64::try_from(position).is_ok()).ok_or(Error::BadName)?;
        Ok(file.position)
    }

    fn file(&mut self, handle: i64) -> Result<&mut OpenFile, Error> {
        self.open.iter_mut().find(|file| file.handle == handle).ok_or(Error::NotFound)
    }
}

const fn writes(mode: OpenMode) -> bool {
    !matches!(mode, OpenMode { access: Access::Read, update: false })
}

/// Makes a path relative to the root. `..` in the root is the root itself.
fn normal(path: impl Iterator<Item = char>) -> Result<Path, Error> {
    let mut given = String::<1024>::new();
    for character in path {
        given.push(character).map_err(|_| Error::NameTooLong)?;
    }
    if given.is_empty() {
        return Err(Error::NotFound);
    }
    let mut normal = Path::new();
    for name in given.split('/') {
        match name {
            "" | "." => {}
            ".." => while normal.pop().is_some_and(|last| last != '/') {},
            name => {
                let slash = if normal.is_empty() { "" } else { "/" };
                normal.push_str(slash).and_then(|()| normal.push_str(name)).map_err(|_| Error::NameTooLong)?;
            }
        }
    }
    Ok(normal)
}
