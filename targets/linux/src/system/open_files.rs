//! `file`: files by handle. A handle is never given twice, also not by the next agent: their counter is kept on disk.

use alloc::string::ToString;
use alloc::vec::Vec;

use embedded_io::SeekFrom;
use nanoqga::commands::file::{Access, Files, OpenMode};
use nanoqga::{Failure, Text};
use rustix::fd::OwnedFd;
use rustix::fs::{self, Mode, OFlags, fchmod, open, unlink};
use rustix::io::{Errno, read, write};

use super::Guest;
use super::errno::{cause, failed};
use super::state;

/// A new file's, whatever the agent's umask is.
const NEW: Mode = Mode::from_raw_mode(0o666);

/// The files that are open.
#[derive(Debug, Default)]
pub struct Open {
    files: Vec<(i64, OwnedFd)>,
    /// More than any handle that this agent has given out.
    next: i64,
}

impl Open {
    fn file(&self, handle: i64) -> Result<&OwnedFd, Failure> {
        let found = self.files.iter().find(|(other, _)| *other == handle);
        found.map(|(_, file)| file).ok_or(Failure("the file is not open"))
    }
}

impl Files for Guest {
    fn open(&mut self, path: Text<'_>, mode: OpenMode) -> Result<i64, Failure> {
        let file = open_file(&path.to_string(), mode).map_err(cause)?;
        let handle = state::next_handle(&self.options.state_dir, self.files.next);
        self.files.next = handle.saturating_add(1);
        self.files.files.push((handle, file));
        Ok(handle)
    }

    fn is_open(&mut self, handle: i64) -> bool {
        self.files.file(handle).is_ok()
    }

    fn close(&mut self, handle: i64) -> Result<(), Failure> {
        // What was written was passed on at once, so nothing is left that could fail.
        self.files.files.retain(|(other, _)| *other != handle);
        Ok(())
    }

    fn read(&mut self, handle: i64, into: &mut [u8]) -> Result<usize, Failure> {
        let file = self.files.file(handle)?;
        let mut filled = 0;
        while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match read(file, rest) {
                Ok(0) => break,
                Ok(got) => filled += got,
                Err(Errno::INTR) => {}
                // A pipe that has no more now gives what it had.
                Err(_) if filled > 0 => break,
                Err(error) => return Err(failed("failed to read file", error)),
            }
        }
        Ok(filled)
    }

    fn write(&mut self, handle: i64, bytes: &[u8]) -> Result<usize, Failure> {
        let file = self.files.file(handle)?;
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match write(file, rest) {
                Ok(length) => written += length,
                Err(Errno::INTR) => {}
                Err(_) if written > 0 => break,
                Err(error) => return Err(failed("failed to write to file", error)),
            }
        }
        Ok(written)
    }

    fn seek(&mut self, handle: i64, to: SeekFrom) -> Result<u64, Failure> {
        let to = match to {
            SeekFrom::Start(position) => fs::SeekFrom::Start(position),
            SeekFrom::Current(offset) => fs::SeekFrom::Current(offset),
            SeekFrom::End(offset) => fs::SeekFrom::End(offset),
        };
        fs::seek(self.files.file(handle)?, to).map_err(|error| failed("failed to seek file", error))
    }

    fn flush(&mut self, handle: i64) -> Result<(), Failure> {
        // Other readers see at once what was written.
        self.files.file(handle).map(|_| ())
    }
}

/// Nothing that is opened keeps the agent waiting: no FIFO without a writer, no terminal.
fn open_file(path: &str, mode: OpenMode) -> Result<OwnedFd, Errno> {
    let (direction, how) = match mode.access {
        Access::Read => (OFlags::RDONLY, OFlags::empty()),
        Access::Write => (OFlags::WRONLY, OFlags::TRUNC),
        Access::Append => (OFlags::WRONLY, OFlags::APPEND),
    };
    let direction = if mode.update { OFlags::RDWR } else { direction };
    let flags = direction | how | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    if mode.access == Access::Read {
        return open(path, flags, Mode::empty());
    }
    // Only what this creates gets a mode.
    match open(path, flags | OFlags::CREATE | OFlags::EXCL, Mode::empty()) {
        Err(Errno::EXIST) => open(path, flags, Mode::empty()),
        Err(error) => Err(error),
        Ok(file) => match fchmod(&file, NEW) {
            Ok(()) => Ok(file),
            Err(error) => {
                let _ = unlink(path);
                Err(error)
            }
        },
    }
}
