//! The result of a call.

use core::ffi::{CStr, c_char};

/// The result of a call. A call that fails has changed nothing, unless its status says otherwise.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The call has succeeded.
    Ok = 0,
    /// A pointer is NULL that must not be.
    Null,
    /// A length is zero.
    Empty,
    /// A pointer is not aligned for its type.
    Misaligned,
    /// The memory is too small for an agent.
    TooSmall,
    /// A buffer or a result would lie in the agent's memory.
    Overlap,
    /// There is no agent in that memory: it was not initialised, or it was overwritten.
    NotAnAgent,
    /// The agent is at work: one of its callbacks has made this call.
    Busy,
    /// The text is too long.
    TooLong,
    /// The text has characters that it must not have.
    InvalidText,
    /// The agent has this family, or a command of this name, already.
    Exists,
    /// The agent has `NANOQGA_MAX_OWN_COMMANDS` commands of the kernel's own already.
    Full,
    /// A callback has reported more bytes than it had room for. The client gets an error: send what was transmitted. If the
    /// callback has in fact written so many bytes, it has overwritten the agent.
    TooLarge,
    /// The reply of a command of the kernel's own is not one JSON value. The client gets an error: send what was transmitted.
    InvalidReply,
    /// There is no running test in that memory: nothing was kept, or it was overwritten.
    NotRunning,
}

const TEXTS: [&CStr; 15] = [
    c"done",
    c"a pointer is NULL",
    c"a length is zero",
    c"a pointer is misaligned",
    c"the memory is too small for an agent",
    c"the buffer lies in the agent's memory",
    c"there is no agent in that memory",
    c"the agent is at work: one of its callbacks has called it",
    c"the text is too long",
    c"the text has invalid characters",
    c"there is such a family or command already",
    c"there are too many commands",
    c"a callback reported more bytes than it had room for",
    c"a command's reply is not one JSON value",
    c"there is no running test in that memory",
];

/// A status in words, for a log: a string constant.
#[unsafe(no_mangle)]
pub extern "C" fn nanoqga_status_text(status: u32) -> *const c_char {
    usize::try_from(status).ok().and_then(|status| TEXTS.get(status)).copied().unwrap_or(c"no such status").as_ptr()
}
