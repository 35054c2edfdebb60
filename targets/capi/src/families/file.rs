//! `guest-file-open`, `-close`, `-read`, `-write`, `-seek` and `-flush`.

use core::ffi::{c_char, c_void};
use core::ptr;

use agent_core::commands::file::{self, Access, OpenMode};
use agent_core::{Failure, Text};
use embedded_io::SeekFrom;
use heapless::Vec;

use super::add;
use crate::agent::Nanoqga;
use crate::flag::Flag;
use crate::guest::{Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{outcome, with_c};

/// How many files may be open in an agent.
pub const NANOQGA_MAX_FILES: usize = 16;

/// What a file is opened for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum FileAccess {
    /// To be read, from its beginning. It must exist.
    Read,
    /// To be written. It is created, or emptied if it exists.
    Write,
    /// To be written at its end, wherever the position is. It is created unless it exists.
    Append,
}

/// What an offset in a file counts from.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum Whence {
    /// The file's beginning.
    Set,
    /// The position.
    Current,
    /// The file's end.
    End,
}

/// What the file family needs of a kernel. Without `open` and `close` there are no such commands. `file` is what `open` has set: it
/// is open.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct FileCallbacks {
    /// For guest-file-open: opens the file at `path`, of 511 bytes at most, and sets `*file`. `update` says that it is opened
    /// for the other direction, too. An error is the cause alone, such as "No such file or directory".
    pub open: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            path: *const c_char,
            access: FileAccess,
            update: Flag,
            file: *mut *mut c_void,
        ) -> *const c_char,
    >,
    /// For guest-file-close. The file is not used any more, whatever is returned.
    pub close: Option<unsafe extern "C" fn(context: *mut c_void, file: *mut c_void) -> *const c_char>,
    /// For guest-file-read: reads from the file's position on, and tells at `*count` how many bytes: `size`, unless the file ends
    /// before. A client's read may take many calls.
    pub read: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            file: *mut c_void,
            room: *mut u8,
            size: usize,
            count: *mut usize,
        ) -> *const c_char,
    >,
    /// For guest-file-write: writes at the file's position, and tells at `*count` how many of the `length` bytes.
    pub write: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            file: *mut c_void,
            bytes: *const u8,
            length: usize,
            count: *mut usize,
        ) -> *const c_char,
    >,
    /// For guest-file-seek: moves the file's position, and tells the new one at `*position`, in bytes from the beginning.
    pub seek: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            file: *mut c_void,
            offset: i64,
            whence: Whence,
            position: *mut u64,
        ) -> *const c_char,
    >,
    /// For guest-file-flush: passes on what was written to where other readers of the file see it.
    pub flush: Option<unsafe extern "C" fn(context: *mut c_void, file: *mut c_void) -> *const c_char>,
}

/// The files that are open, by their handles.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    files: Vec<(i64, *mut c_void), NANOQGA_MAX_FILES>,
    last: i64,
}

impl OpenFiles {
    fn place(&self, handle: i64) -> Option<usize> {
        self.files.iter().position(|&(open, _)| open == handle)
    }

    fn get(&self, handle: i64) -> Result<*mut c_void, Failure> {
        let place = self.place(handle).and_then(|place| self.files.get(place));
        place.map(|&(_, file)| file).ok_or(Failure("no such file is open"))
    }
}

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
    unsafe { add(agent, callbacks, file::commands(), is_there, |guest| &mut guest.file) }
}

impl file::Files for Guest {
    fn open(&mut self, path: Text<'_>, mode: OpenMode) -> Result<i64, Failure> {
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
        with_c(path, |path| unsafe { outcome(open(self.context, path, access, mode.update.into(), &raw mut file)) })?;
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
