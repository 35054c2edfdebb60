//! For `guest-file-open`, `-close`, `-read`, `-write`, `-seek` and `-flush`.

use core::ffi::{c_char, c_void};

use crate::flag::Flag;

/// The most files that may be open in an agent.
pub const NANOQGA_MAX_FILES: usize = 16;

/// How a file is opened.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum FileAccess {
    /// For reading, from its beginning. It must exist.
    Read,
    /// For writing. It is created, or emptied if it exists.
    Write,
    /// For writing at its end, wherever the position is. It is created if it does not exist.
    Append,
}

/// Where an offset in a file counts from.
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

/// The callbacks of the file family. None of its commands exists unless both `open` and `close` are there. `file` is what `open`
/// has set, and not closed yet.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct FileCallbacks {
    /// For guest-file-open: opens the file at `path`, which has at most 511 bytes, and sets `*file`. With `update` the file is
    /// opened for both reading and writing. An error is only the cause, such as "No such file or directory", because the client's
    /// text already names the path.
    pub open: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            path: *const c_char,
            access: FileAccess,
            update: Flag,
            file: *mut *mut c_void,
        ) -> *const c_char,
    >,
    /// For guest-file-close. The agent does not use the file any more, even after an error.
    pub close: Option<unsafe extern "C" fn(context: *mut c_void, file: *mut c_void) -> *const c_char>,
    /// For guest-file-read: reads at the file's position, and sets `*count` to the number of bytes, which is `size` unless the
    /// file ends before. One guest-file-read may take many calls.
    pub read: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            file: *mut c_void,
            room: *mut u8,
            size: usize,
            count: *mut usize,
        ) -> *const c_char,
    >,
    /// For guest-file-write: writes at the file's position, and sets `*count` to how many of the `length` bytes.
    pub write: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            file: *mut c_void,
            bytes: *const u8,
            length: usize,
            count: *mut usize,
        ) -> *const c_char,
    >,
    /// For guest-file-seek: moves the file's position, and sets `*position` to the new one, in bytes from the beginning.
    pub seek: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            file: *mut c_void,
            offset: i64,
            whence: Whence,
            position: *mut u64,
        ) -> *const c_char,
    >,
    /// For guest-file-flush: makes what was written visible to other readers of the file.
    pub flush: Option<unsafe extern "C" fn(context: *mut c_void, file: *mut c_void) -> *const c_char>,
}
