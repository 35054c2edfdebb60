//! Signals as something to poll for.
//!
//! Handlers and a descriptor, not a blocked mask: programs that are started would inherit the mask, but no handlers.

use core::ffi::c_int;
use core::sync::atomic::{AtomicI32, Ordering};
use core::{mem, ptr};

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

/// The descriptor that handlers wake.
static WAKE: AtomicI32 = AtomicI32::new(-1);
/// The last signal that asked for the end, or 0.
static END: AtomicI32 = AtomicI32::new(0);

/// What a signal asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// SIGTERM.
    End,
    /// SIGINT: a person's, or for the first process the keys that restart a machine.
    Interrupt,
}

/// The signals that concern the agent: its own end, and those of its children.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Catches them from now on, for the rest of the program.
    ///
    /// # Errors
    /// If the kernel has no descriptor left.
    pub fn catch() -> Result<Self, Errno> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        WAKE.store(wake.as_raw_fd(), Ordering::Relaxed);
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGCHLD] {
            // SAFETY: All zeroes is a sigaction without flags and with an empty mask.
            let mut action: libc::sigaction = unsafe { mem::zeroed() };
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            // SAFETY: The handler does only what signal handlers may: atomics and write(2).
            unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
        }
        Ok(Self(wake))
    }

    /// Forgets what has woken us: it is about to be looked at.
    pub fn clear(&self) {
        // There may be nothing to forget.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }

    /// What was asked for since the last call.
    pub fn take_wish(&self) -> Option<Wish> {
        match END.swap(0, Ordering::Relaxed) {
            0 => None,
            libc::SIGINT => Some(Wish::Interrupt),
            _ => Some(Wish::End),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

extern "C" fn handle(signal: c_int) {
    if signal != libc::SIGCHLD {
        END.store(signal, Ordering::Relaxed);
    }
    // SAFETY: errno is this thread's, and there is but one; what was interrupted must find it unchanged.
    unsafe {
        let errno = *libc::__errno_location();
        libc::write(WAKE.load(Ordering::Relaxed), ptr::from_ref(&1u64).cast(), 8);
        *libc::__errno_location() = errno;
    }
}
