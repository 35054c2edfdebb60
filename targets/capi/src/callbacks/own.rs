//! For commands of the kernel's own.

use core::ffi::{c_char, c_void};

use nanoqga::json::Span;
use nanoqga::json::writer::Cursor;

/// Where a command of the kernel's own writes what it returns.
#[repr(C)]
#[derive(Debug)]
pub struct OwnReply {
    /// Where the JSON is to be written: one value in UTF-8. No NUL is needed at its end. Members of objects are sent in this
    /// order; spaces between them are not.
    pub json: *mut c_char,
    /// How many bytes may be written: half of what the request leaves of the agent's memory for requests.
    pub room: usize,
    /// How many were written. It is 0 before, and if it stays 0, `{}` is returned.
    pub length: usize,
}

/// What runs a command of the kernel's own.
pub(crate) type RunOwn = unsafe extern "C" fn(
    context: *mut c_void,
    arguments: *const c_char,
    arguments_length: usize,
    reply: *mut OwnReply,
) -> *const c_char;

/// A command of the kernel's own.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) name: &'static str,
    pub(crate) run: RunOwn,
    pub(crate) context: *mut c_void,
}

/// What a command of the kernel's own returned, as it goes out in pieces. It lies behind the request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) json: Span,
    pub(crate) cursor: Cursor,
}
