//! `file`: files by handle.

use alloc::string::ToString;

use embedded_io::SeekFrom;
use nanoqga::commands::file::{Access, Files, OpenMode};
use nanoqga::{Cause, Failure, Text};
use rustix::fd::OwnedFd;
use rustix::fs;

use super::Guest;
use crate::log::audit;
use crate::system::errno::{failed, failure};
use crate::system::open_files;

impl Files for Guest {
    fn open(&mut self, path: Text<'_>, mode: OpenMode, _: &mut Cause) -> Result<i64, Failure> {
        let path = path.to_string();
        if mode.update || mode.access != Access::Read {
            audit("guest-file-open for writing", &path);
        }
        let opened = self.files.open(&path, mode, &self.options.path_rules, &self.options.state_dir);
        opened.map_err(failure)
    }

    fn is_open(&mut self, handle: i64) -> bool {
        self.files.get(handle).is_some()
    }

    fn close(&mut self, handle: i64) -> Result<(), Failure> {
        self.files.close(handle);
        Ok(())
    }

    fn read(&mut self, handle: i64, into: &mut [u8]) -> Result<usize, Failure> {
        open_files::read(self.file(handle)?, into).map_err(|error| failed("failed to read file", error))
    }

    fn write(&mut self, handle: i64, bytes: &[u8]) -> Result<usize, Failure> {
        open_files::write(self.file(handle)?, bytes).map_err(|error| failed("failed to write to file", error))
    }

    fn seek(&mut self, handle: i64, to: SeekFrom) -> Result<u64, Failure> {
        let to = match to {
            SeekFrom::Start(position) => fs::SeekFrom::Start(position),
            SeekFrom::Current(offset) => fs::SeekFrom::Current(offset),
            SeekFrom::End(offset) => fs::SeekFrom::End(offset),
        };
        fs::seek(self.file(handle)?, to).map_err(|error| failed("failed to seek file", error))
    }

    fn flush(&mut self, handle: i64) -> Result<(), Failure> {
        // Other readers see at once what was written.
        self.file(handle).map(|_| ())
    }
}

impl Guest {
    fn file(&self, handle: i64) -> Result<&OwnedFd, Failure> {
        self.files.get(handle).ok_or(Failure("the file is not open"))
    }
}
