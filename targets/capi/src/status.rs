//! What a call came to.

use core::ffi::{CStr, c_char};

/// What a call came to. A call that fails has changed nothing, unless it says otherwise.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is done.
    Ok = 0,
    /// A pointer is NULL that may not be.
    Null,
    /// A length is zero.
    Empty,
    /// A pointer is not aligned as its type needs.
    Misaligned,
    /// The memory is too small for an agent.
    TooSmall,
    /// A buffer, or what is told at a pointer, lies in the agent's memory.
    Overlap,
    /// There is no agent in that memory: it was not initialised, or was overwritten.
    NotAnAgent,
    /// The agent is at work: this was called by one of its callbacks.
    Busy,
    /// The text is longer than it may be.
    TooLong,
    /// The text has characters that it may not have.
    InvalidText,
    /// The agent has such a command already.
    Exists,
    /// The agent has as many commands as it can have.
    Full,
    /// A callback said that it wrote more than it had room for. The host was told an error, and what was transmitted is to be
    /// sent as ever; but if the callback did write that much, it has overwritten the agent.
    TooLarge,
    /// A command of the kernel's own replied what is no JSON value. The host was told an error, and what was transmitted is to
    /// be sent as ever.
    InvalidReply,
}

const TEXTS: [&CStr; 14] = [
    c"done",
    c"a pointer is NULL",
    c"a length is zero",
    c"a pointer is misaligned",
    c"the memory is too small for an agent",
    c"the buffer lies in the agent's memory",
    c"there is no agent in that memory",
    c"the agent is at work: it was called by one of its callbacks",
    c"the text is too long",
    c"the text has invalid characters",
    c"there is such a command already",
    c"there are too many commands",
    c"a callback wrote more than it had room for",
    c"a command's reply is no JSON value",
];

/// A status in words, for a log. NUL-terminated, and there for ever.
#[unsafe(no_mangle)]
pub extern "C" fn nanoqga_status_text(status: u32) -> *const c_char {
    usize::try_from(status).ok().and_then(|status| TEXTS.get(status)).copied().unwrap_or(c"no such status").as_ptr()
}
