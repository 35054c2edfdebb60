//! For `guest-shutdown`.

use core::ffi::{c_char, c_void};

/// How a guest goes down.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum Shutdown {
    /// The machine goes off.
    PowerDown,
    /// The machine starts again.
    Reboot,
    /// Everything stops; the machine stays on.
    Halt,
}

/// The callback of the power family.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct PowerCallbacks {
    /// For guest-shutdown. It need not return; if it returns NULL, the host gets no reply.
    pub shutdown: Option<unsafe extern "C" fn(context: *mut c_void, how: Shutdown) -> *const c_char>,
}
