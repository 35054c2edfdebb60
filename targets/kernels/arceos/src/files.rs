//! Files of the volume that ArceOS has mounted.

use alloc::string::ToString;

use ax_std::StdError;
use ax_std::fs::{File, OpenOptions};
use ax_std::io::{self, Read, Seek, Write};
use nanoqga::commands::file::{Access, Files, OpenMode, SeekFrom};
use nanoqga::{Cause, Failure, Text};

use crate::kernel::Kernel;

impl Kernel {
    fn file(&mut self, handle: i64) -> Result<&mut File, Failure> {
        self.files.get_mut(&handle).ok_or(Failure("Bad file descriptor"))
    }
}

impl Files for Kernel {
    fn open(&mut self, path: Text<'_>, mode: OpenMode, _: &mut Cause) -> Result<i64, Failure> {
        let reads = mode.access == Access::Read;
        let file = OpenOptions::new()
            .read(reads || mode.update)
            .write(!reads || mode.update)
            .append(mode.access == Access::Append)
            .create(!reads)
            .truncate(mode.access == Access::Write)
            .open(&path.to_string())
            .map_err(|error| match error {
                StdError::Api(error) => failure(error.into()),
                _ => failure(io::Error::Io),
            })?;
        self.last_handle += 1;
        self.files.insert(self.last_handle, file);
        Ok(self.last_handle)
    }

    fn is_open(&mut self, handle: i64) -> bool {
        self.files.contains_key(&handle)
    }

    fn close(&mut self, handle: i64) -> Result<(), Failure> {
        let flushed = self.flush(handle);
        self.files.remove(&handle);
        flushed
    }

    fn read(&mut self, handle: i64, into: &mut [u8]) -> Result<usize, Failure> {
        let file = self.file(handle)?;
        let mut filled = 0;
        while filled < into.len() {
            match file.read(&mut into[filled..]).map_err(failure)? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    fn write(&mut self, handle: i64, bytes: &[u8]) -> Result<usize, Failure> {
        self.file(handle)?.write(bytes).map_err(failure)
    }

    fn seek(&mut self, handle: i64, to: SeekFrom) -> Result<u64, Failure> {
        let to = match to {
            SeekFrom::Start(offset) => io::SeekFrom::Start(offset),
            SeekFrom::Current(offset) => io::SeekFrom::Current(offset),
            SeekFrom::End(offset) => io::SeekFrom::End(offset),
        };
        self.file(handle)?.seek(to).map_err(failure)
    }

    fn flush(&mut self, handle: i64) -> Result<(), Failure> {
        self.file(handle)?.flush().map_err(failure)
    }
}

/// The error's text for a client, as C's `strerror` has it.
fn failure(error: io::Error) -> Failure {
    Failure(match error {
        io::Error::AlreadyExists => "File exists",
        io::Error::InvalidInput => "Invalid argument",
        io::Error::IsADirectory => "Is a directory",
        io::Error::NameTooLong => "File name too long",
        io::Error::NotADirectory => "Not a directory",
        io::Error::NotFound => "No such file or directory",
        io::Error::PermissionDenied => "Permission denied",
        io::Error::ReadOnlyFilesystem => "Read-only file system",
        io::Error::StorageFull => "No space left on device",
        _ => "Input/output error",
    })
}
