//! `guest-file-open`, `-close`, `-read`, `-write`, `-seek` and `-flush`.

use core::ptr;

use nanoqga::commands::file::{self, Access, OpenMode, SeekFrom};
use nanoqga::{Cause, Failure, Text};

use super::add;
use crate::agent::Nanoqga;
use crate::callbacks::file::{FileAccess, FileCallbacks, Whence};
use crate::guest::{Family, Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{outcome, outcome_with, with_c};

/// Adds the file family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_file(agent: *mut Nanoqga, callbacks: *const FileCallbacks) -> Status {
    let is_there = |callbacks: &FileCallbacks| {
        let all = callbacks.open.is_some() && callbacks.close.is_some();
        let rest =
            [callbacks.read.is_some(), callbacks.write.is_some(), callbacks.seek.is_some(), callbacks.flush.is_some()];
        let [read, write, seek, flush] = rest.map(|there| there && all);
        [all, all, read, write, seek, flush]
    };
    // SAFETY: The caller's promise.
    unsafe { add(agent, Family::File, callbacks, const { &[file::commands()] }, is_there, |guest| &mut guest.file) }
}

impl file::Files for Guest {
    fn open(&mut self, path: Text<'_>, mode: OpenMode, cause: &mut Cause) -> Result<i64, Failure> {
        let open = self.file.open.ok_or(NO_CALLBACK)?;
        if self.files.files.is_full() {
            return Err(Failure("Too many open files"));
        }
        let access = match mode.access {
            Access::Read => FileAccess::Read,
            Access::Write => FileAccess::Write,
            Access::Append => FileAccess::Append,
        };
        let mut file = ptr::null_mut();
        // SAFETY: The kernel's callback, with its context and a text, which may write the file; what it returns is NULL or a text.
        with_c(path, |path| unsafe {
            outcome_with(open(self.context, path, access, mode.update.into(), &raw mut file), cause)
        })?;
        self.files.last = self.files.last.saturating_add(1);
        // There is room, as was seen before.
        let _ = self.files.files.push((self.files.last, file));
        Ok(self.files.last)
    }

    fn is_open(&mut self, handle: i64) -> bool {
        self.files.place(handle).is_some()
    }

    fn close(&mut self, handle: i64) -> Result<(), Failure> {
        let (close, file) = (self.file.close.ok_or(NO_CALLBACK)?, self.files.get(handle)?);
        self.files.files.retain(|&(open, _)| open != handle);
        // SAFETY: The kernel's callback, with its context and a file that is open; what it returns is NULL or a text.
        unsafe { outcome(close(self.context, file)) }
    }

    fn read(&mut self, handle: i64, into: &mut [u8]) -> Result<usize, Failure> {
        let (read, file) = (self.file.read.ok_or(NO_CALLBACK)?, self.files.get(handle)?);
        let mut count = 0;
        // SAFETY: As above; there are as many bytes as are said.
        unsafe { outcome(read(self.context, file, into.as_mut_ptr(), into.len(), &raw mut count)) }?;
        if count > into.len() {
            self.misuse = Some(Status::TooLarge);
            return Err(Failure("the guest has read more than there was room for"));
        }
        Ok(count)
    }

    fn write(&mut self, handle: i64, bytes: &[u8]) -> Result<usize, Failure> {
        let (write, file) = (self.file.write.ok_or(NO_CALLBACK)?, self.files.get(handle)?);
        let mut count = 0;
        // SAFETY: As above; there are as many bytes as are said.
        unsafe { outcome(write(self.context, file, bytes.as_ptr(), bytes.len(), &raw mut count)) }?;
        Ok(count.min(bytes.len()))
    }

    fn seek(&mut self, handle: i64, to: SeekFrom) -> Result<u64, Failure> {
        let (seek, file) = (self.file.seek.ok_or(NO_CALLBACK)?, self.files.get(handle)?);
        let (offset, whence) = match to {
            SeekFrom::Start(offset) => (i64::try_from(offset).unwrap_or(i64::MAX), Whence::Set),
            SeekFrom::Current(offset) => (offset, Whence::Current),
            SeekFrom::End(offset) => (offset, Whence::End),
        };
        let mut position = 0;
        // SAFETY: As above, and it may write the position.
        unsafe { outcome(seek(self.context, file, offset, whence, &raw mut position)) }?;
        Ok(position)
    }

    fn flush(&mut self, handle: i64) -> Result<(), Failure> {
        let (flush, file) = (self.file.flush.ok_or(NO_CALLBACK)?, self.files.get(handle)?);
        // SAFETY: As above.
        unsafe { outcome(flush(self.context, file)) }
    }
}
