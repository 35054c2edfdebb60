//! The log: lines on stderr, or in a file. It is never the agent's channel.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use alloc::string::String;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use rustix::fs::{FileType, fstat};
use rustix::time::{ClockId, clock_gettime};

/// Logs that the agent cannot do what it is there for.
#[macro_export]
macro_rules! critical {
    ($($message:tt)*) => { $crate::log::line($crate::log::Level::Critical, format_args!($($message)*)) };
}

/// Logs that something is not as it should be.
#[macro_export]
macro_rules! warning {
    ($($message:tt)*) => { $crate::log::line($crate::log::Level::Warning, format_args!($($message)*)) };
}

/// Logs what happens.
#[macro_export]
macro_rules! debug {
    ($($message:tt)*) => { $crate::log::line($crate::log::Level::Debug, format_args!($($message)*)) };
}

const STDERR: RawFd = 2;

/// Where the lines go.
static FD: AtomicI32 = AtomicI32::new(STDERR);
static VERBOSE: AtomicBool = AtomicBool::new(false);
/// How many lines were not logged while file systems were frozen.
static DROPPED: AtomicUsize = AtomicUsize::new(0);
/// While file systems are frozen a line in a file would never come to its end.
static FROZEN: AtomicBool = AtomicBool::new(false);
static CLOSED: AtomicBool = AtomicBool::new(false);

/// How much a line matters. Unless the log is verbose, only what is critical is logged, and what hosts change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The agent cannot do what it is there for.
    Critical,
    /// Something is not as it should be, and the agent goes on.
    Warning,
    /// A host has asked for a change.
    Audit,
    /// What happens.
    Debug,
}

/// Logs everything from now on.
pub fn be_verbose() {
    VERBOSE.store(true, Ordering::Relaxed);
}

/// Logs to `file` from now on.
pub fn to_file(file: OwnedFd) {
    FD.store(file.into_raw_fd(), Ordering::Relaxed);
}

/// Logs nothing at all from now on: in a process beside the agent, which closes the file.
pub fn close() {
    CLOSED.store(true, Ordering::Relaxed);
}

/// Logs nothing that may have to wait while file systems are frozen.
pub fn set_frozen(frozen: bool) {
    if FROZEN.swap(frozen, Ordering::Relaxed) && !frozen {
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            warning!("{dropped} lines could not be logged while file systems were frozen");
        }
    }
}

/// Logs that a host asks for a change: the command, and what it is about. That is never a secret.
pub fn audit(command: &str, what: &dyn fmt::Display) {
    line(Level::Audit, format_args!("{command}: {what}"));
}

/// Logs a line. That it cannot be written is nothing that could be told anywhere.
pub fn line(level: Level, message: fmt::Arguments<'_>) {
    let fd = FD.load(Ordering::Relaxed);
    let shown = matches!(level, Level::Critical | Level::Audit) || VERBOSE.load(Ordering::Relaxed);
    if !shown || CLOSED.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: The descriptor is stderr, or a file that was given to the log, which never closes it.
    let file = unsafe { BorrowedFd::borrow_raw(fd) };
    if FROZEN.load(Ordering::Relaxed) && may_wait(file) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let now = clock_gettime(ClockId::Realtime);
    let level = match level {
        Level::Critical => "critical",
        Level::Warning => "warning",
        Level::Audit => "audit",
        Level::Debug => "debug",
    };
    let mut line = String::new();
    // A String takes everything.
    let _ = write!(line, "{}.{:06}: {level}: {message}", now.tv_sec, now.tv_nsec / 1000);
    // Hosts choose some of the words, and must not make lines of their own.
    let mut line: String =
        line.chars().map(|character| if character.is_ascii_control() { '?' } else { character }).collect();
    line.push('\n');
    let _ = rustix::io::write(file, line.as_bytes());
}

/// Whether a line may have to wait for a frozen file system: in a file, or on its way to somebody who does not read because of
/// that.
fn may_wait(file: BorrowedFd<'_>) -> bool {
    let is_file = fstat(file).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::RegularFile);
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    is_file || poll(&mut [PollFd::from_borrowed_fd(file, PollFlags::OUT)], Some(&now)) != Ok(1)
}
