//! Life in the background: the process that goes there, and the file with its number.

use core::fmt::Write;

use alloc::string::String;

use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags, fcntl_lock, ftruncate, open};
use rustix::io::Errno;
use rustix::process::{chdir, getpid, setsid, umask};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

/// Leaves the terminal and the directory that the process was started in.
///
/// # Errors
/// If the process leads a session already.
pub fn detach() -> Result<(), Errno> {
    umask(Mode::RWXG | Mode::RWXO);
    setsid()?;
    chdir("/")?;
    let null = open("/dev/null", OFlags::RDWR, Mode::empty())?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)
}

/// The file with the process's number, locked as long as this is kept.
#[derive(Debug)]
pub struct PidFile<'a> {
    path: &'a str,
    _lock: OwnedFd,
}

impl<'a> PidFile<'a> {
    /// Writes the file.
    ///
    /// # Errors
    /// If it cannot be written, or another process has it.
    pub fn write(path: &'a str) -> Result<Self, Errno> {
        let file = open(path, OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?;
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let mut number = String::new();
        // A String takes everything.
        let _ = writeln!(number, "{}", getpid().as_raw_pid());
        ftruncate(&file, 0)?;
        rustix::io::write(&file, number.as_bytes())?;
        Ok(Self { path, _lock: file })
    }
}

impl Drop for PidFile<'_> {
    fn drop(&mut self) {
        // Whoever has removed it before us wanted the same.
        let _ = rustix::fs::unlink(self.path);
    }
}
