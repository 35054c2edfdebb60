//! For commands of the kernel's own.

use core::ffi::{c_char, c_void};

/// Where a command of the kernel's own writes its reply.
#[repr(C)]
#[derive(Debug)]
pub struct OwnReply {
    /// Where the command writes JSON: one value in UTF-8, without a NUL. Members of objects are sent in the order in which they
    /// are written, spaces between tokens are not sent.
    pub json: *mut c_char,
    /// The most bytes that the command may write: about half of the memory for requests that this request leaves free.
    pub room: usize,
    /// The number of bytes that the command has written. It is 0 before; if it stays 0, the reply is `{}`.
    pub length: usize,
}

/// The callback of a command of the kernel's own.
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
