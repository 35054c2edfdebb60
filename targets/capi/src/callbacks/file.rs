//! For `guest-file-open`, `-close`, `-read`, `-write`, `-seek` and `-flush`.

use core::ffi::{c_char, c_void};

use crate::flag::Flag;

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
