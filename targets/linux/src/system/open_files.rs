//! Files by handle. A handle is never given twice, also not by the next agent: their counter is kept on disk.

use alloc::vec::Vec;

use nanoqga::commands::file::{Access, OpenMode};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fchmod, openat, unlinkat};
use rustix::io::{self, Errno};
use rustix::process::{Resource, getrlimit};

use super::path_rules::PathRules;
use super::state;

/// A new file's, whatever the agent's umask is.
const NEW: Mode = Mode::from_raw_mode(0o666);

/// How many descriptors are left to the agent.
const RESERVED: u64 = 64;

/// The files that are open.
#[derive(Debug, Default)]
pub struct OpenFiles {
    files: Vec<(i64, OwnedFd)>,
    /// More than any handle that this agent has given out.
    next: i64,
}

impl OpenFiles {
    /// Opens a file; returns its handle, which is none of any agent with this directory for its state.
    pub fn open(&mut self, path: &str, mode: OpenMode, rules: &PathRules, state_dir: &str) -> Result<i64, Errno> {
        let file = open_file(path, mode, rules)?;
        // The kernel gives the lowest number that is free. The agent needs some for itself, too.
        if getrlimit(Resource::Nofile).current.is_some_and(|most| file.as_raw_fd() as u64 + RESERVED >= most) {
            return Err(Errno::MFILE);
        }
        let handle = state::next_handle(state_dir, self.next);
        self.next = handle.saturating_add(1);
        self.files.push((handle, file));
        Ok(handle)
    }

    /// The file of a handle.
    pub fn get(&self, handle: i64) -> Option<&OwnedFd> {
        let found = self.files.iter().find(|(other, _)| *other == handle);
        found.map(|(_, file)| file)
    }

    /// Closes a file. What was written was passed on at once, so nothing is left that could fail.
    pub fn close(&mut self, handle: i64) {
        self.files.retain(|(other, _)| *other != handle);
    }
}

/// Nothing that is opened keeps the agent waiting: no FIFO without a writer, no terminal.
fn open_file(path: &str, mode: OpenMode, rules: &PathRules) -> Result<OwnedFd, Errno> {
    let permitted = rules.find(path)?;
    let (folder, name, besides) = match &permitted {
        Some(place) => (place.anchor.as_fd(), &*place.name, place.flags),
        None => (CWD, path, OFlags::empty()),
    };
    let (direction, how) = match mode.access {
        Access::Read => (OFlags::RDONLY, OFlags::empty()),
        Access::Write => (OFlags::WRONLY, OFlags::TRUNC),
        Access::Append => (OFlags::WRONLY, OFlags::APPEND),
    };
    let direction = if mode.update { OFlags::RDWR } else { direction };
    let flags = direction | how | besides | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    if mode.access == Access::Read {
        return openat(folder, name, flags, Mode::empty());
    }
    // Only what this creates gets a mode.
    match openat(folder, name, flags | OFlags::CREATE | OFlags::EXCL, Mode::empty()) {
        Err(Errno::EXIST) => openat(folder, name, flags, Mode::empty()),
        Err(error) => Err(error),
        Ok(file) => match fchmod(&file, NEW) {
            Ok(()) => Ok(file),
            Err(error) => {
                let _ = unlinkat(folder, name, AtFlags::empty());
                Err(error)
            }
        },
    }
}

/// Reads until `into` is full or the file has no more.
pub fn read(file: &OwnedFd, into: &mut [u8]) -> Result<usize, Errno> {
    let mut filled = 0;
    while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match io::read(file, rest) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(Errno::INTR) => {}
            // A pipe that has no more now gives what it had.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes `bytes` until the file takes no more.
pub fn write(file: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match io::write(file, rest) {
            Ok(length) => written += length,
            Err(Errno::INTR) => {}
            Err(_) if written > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}
