//! The kernel's errors, in glibc's words: clients show them, and some compare them.

use alloc::boxed::Box;
use alloc::format;
use core::fmt::{Display, Write as _};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use nanoqga::{Cause, Failure};
use rustix::io::Errno;

/// What an error is called.
pub const fn text(error: Errno) -> &'static str {
    match error {
        Errno::PERM => "Operation not permitted",
        Errno::NOENT => "No such file or directory",
        Errno::INTR => "Interrupted system call",
        Errno::IO => "Input/output error",
        Errno::NXIO => "No such device or address",
        Errno::TOOBIG => "Argument list too long",
        Errno::NOEXEC => "Exec format error",
        Errno::BADF => "Bad file descriptor",
        Errno::AGAIN => "Resource temporarily unavailable",
        Errno::NOMEM => "Cannot allocate memory",
        Errno::ACCESS => "Permission denied",
        Errno::BUSY => "Device or resource busy",
        Errno::EXIST => "File exists",
        Errno::XDEV => "Invalid cross-device link",
        Errno::NODEV => "No such device",
        Errno::NOTDIR => "Not a directory",
        Errno::ISDIR => "Is a directory",
        Errno::INVAL => "Invalid argument",
        Errno::NFILE => "Too many open files in system",
        Errno::MFILE => "Too many open files",
        Errno::NOTTY => "Inappropriate ioctl for device",
        Errno::TXTBSY => "Text file busy",
        Errno::FBIG => "File too large",
        Errno::NOSPC => "No space left on device",
        Errno::SPIPE => "Illegal seek",
        Errno::ROFS => "Read-only file system",
        Errno::PIPE => "Broken pipe",
        Errno::NAMETOOLONG => "File name too long",
        Errno::NOSYS => "Function not implemented",
        Errno::LOOP => "Too many levels of symbolic links",
        Errno::OVERFLOW => "Value too large for defined data type",
        Errno::ADDRINUSE => "Address already in use",
        Errno::OPNOTSUPP => "Operation not supported",
        Errno::STALE => "Stale file handle",
        Errno::DQUOT => "Disk quota exceeded",
        Errno::NOMEDIUM => "No medium found",
        _ => "Unknown error",
    }
}

/// The error alone, where the engine says what failed.
pub const fn failure(error: Errno) -> Failure {
    Failure(text(error))
}

/// What failed with its name, and why: `failed to freeze /mnt: Input/output error`.
pub fn failed_at(what: &'static str, name: impl Display, error: Errno, cause: &mut Cause) -> Failure {
    failed_by(what, format_args!("{name}: {}", text(error)), cause)
}

/// What failed, and the rest of its text: `fsfreeze hook has failed with status 1: /hook`.
pub fn failed_by(what: &'static str, rest: impl Display, cause: &mut Cause) -> Failure {
    // It never fails: a cause that is too long is cut.
    let _ = write!(cause, "{rest}");
    Failure(what)
}

/// What failed, and why: `failed to seek file: Illegal seek`. The text is made once and kept, since a failure is static; there
/// are no more of them than places that fail times errors.
pub fn failed(what: &'static str, error: Errno) -> Failure {
    static KEPT: AtomicPtr<Kept> = AtomicPtr::new(ptr::null_mut());
    // SAFETY: what the list points to was leaked, and is never written to after it was stored.
    let first: Option<&'static Kept> = unsafe { KEPT.load(Ordering::Acquire).as_ref() };
    let mut kept = first;
    while let Some(this) = kept {
        if this.error == error && ptr::eq(this.what, what) {
            return Failure(this.text);
        }
        kept = this.next;
    }
    let text: &'static str = Box::leak(format!("{what}: {}", text(error)).into_boxed_str());
    // Where two threads do this at once, one of the texts is made again some day.
    KEPT.store(Box::leak(Box::new(Kept { what, error, text, next: first })), Ordering::Release);
    Failure(text)
}

struct Kept {
    what: &'static str,
    error: Errno,
    text: &'static str,
    next: Option<&'static Self>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_at_something_says_its_name_and_why() {
        let mut cause = Cause::new();
        let failure = failed_at("failed to freeze ", "/mnt", Errno::IO, &mut cause);
        assert_eq!((failure.0, cause.as_str()), ("failed to freeze ", "/mnt: Input/output error"));
    }

    #[test]
    fn a_failure_says_what_and_why_and_is_made_once() {
        let first = failed("failed to seek file", Errno::SPIPE);
        assert_eq!(first, Failure("failed to seek file: Illegal seek"));
        assert_eq!(failed("failed to seek file", Errno::BADF), Failure("failed to seek file: Bad file descriptor"));
        assert_eq!(failed("failed to read file", Errno::SPIPE), Failure("failed to read file: Illegal seek"));
        assert!(ptr::eq(failed("failed to seek file", Errno::SPIPE).0, first.0));
    }
}
