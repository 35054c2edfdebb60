//! What outlives the agent, in the files that qemu-ga keeps it in: `qga.state`, a key file with the counter of handles, and
//! `qga.state.isfrozen`, which is there while file systems are frozen and has the number of the boot in which they were.

use alloc::format;
use alloc::string::String;

use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags, fcntl_lock, open, rename, unlink};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};

use super::files::{read_line, read_text, write_all};

/// The first handle of all.
const FIRST: i64 = 1000;

const OWNER: Mode = Mode::from_raw_mode(0o600);

/// A handle that was given out by no agent with this directory, and is none before `least`. In a guest that cannot be written
/// to, an agent before this one may have given it out, but this one has not.
pub fn next_handle(directory: &str, least: i64) -> i64 {
    let path = format!("{directory}/qga.state");
    let kept = read_text(&path).ok().and_then(|text| counter(&text));
    let handle = kept.unwrap_or(FIRST).max(least);
    let _ = replace(&path, &format!("[global]\nfd_counter={}\n", handle.saturating_add(1)));
    handle
}

/// Whether an agent with this directory has frozen file systems since the machine booted.
pub fn is_frozen(directory: &str) -> bool {
    let Ok(mark) = read_text(&marker(directory)) else { return false };
    // qemu-ga's mark says nothing.
    mark.is_empty() || boot_id().is_none_or(|boot| mark.trim() == boot)
}

/// The mark that file systems are frozen, for an agent after this one. It is locked as long as this is kept: the lock tells who
/// sees to it that they are thawed.
#[derive(Debug)]
pub struct Mark {
    path: String,
    file: OwnedFd,
}

impl Mark {
    /// Makes the mark. Nothing may be frozen yet: the mark may lie on what will be.
    pub fn make(directory: &str) -> Result<Self, Errno> {
        let path = marker(directory);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let file = open(path.as_str(), flags, OWNER)?;
        write_all(&file, boot_id().unwrap_or_default().as_bytes())?;
        // Without locks nobody can tell, and the worst is that one thaws what the other has frozen.
        let _ = fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { path, file })
    }

    /// The mark that was made by somebody else, locked now if nobody else has it.
    pub fn take_over(directory: &str) -> Result<Self, Errno> {
        let path = marker(directory);
        // It is not written to: it may be frozen.
        let file = open(path.as_str(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        let _ = fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { path, file })
    }

    /// Waits until nobody else has locked it, which is as long as that process lives.
    pub fn wait_for_others(&self) {
        while fcntl_lock(&self.file, FlockOperation::LockExclusive) == Err(Errno::INTR) {}
    }

    /// Takes it away.
    pub fn remove(self) -> Result<(), Errno> {
        match unlink(self.path) {
            Err(Errno::NOENT) => Ok(()),
            outcome => outcome,
        }
    }
}

/// The process that has locked the mark.
pub fn keeper(directory: &str) -> Option<Pid> {
    let file = open(marker(directory), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok()??.pid
}

/// What is another one after each boot.
fn boot_id() -> Option<String> {
    read_line("/proc/sys/kernel/random/boot_id")
}

fn marker(directory: &str) -> String {
    format!("{directory}/qga.state.isfrozen")
}

/// The counter in a state file.
fn counter(text: &str) -> Option<i64> {
    let value = |line: &str| line.strip_prefix("fd_counter=")?.trim().parse().ok();
    text.lines().find_map(value).filter(|counter| *counter >= FIRST)
}

/// Puts a file in the place of the one at `path`, which is there whole at any time.
fn replace(path: &str, text: &str) -> Result<(), Errno> {
    let new = format!("{path}.new");
    let file = open(new.as_str(), OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC, OWNER)?;
    write_all(file, text.as_bytes())?;
    rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::super::files::testing::TestFolder;
    use super::*;

    #[test]
    fn the_next_agent_counts_on_and_one_that_cannot_write_counts_for_itself() {
        let folder = TestFolder::new("state");
        let directory = folder.path(".");
        assert_eq!(
            [next_handle(&directory, 0), next_handle(&directory, 0), next_handle(&directory, 1005)],
            [1000, 1001, 1005]
        );
        assert_eq!(read_text(&folder.path("qga.state")).unwrap(), "[global]\nfd_counter=1006\n");
        assert_eq!((next_handle("/proc/none", 0), next_handle("/proc/none", 1001)), (1000, 1001));
    }

    #[test]
    fn the_next_agent_knows_what_is_frozen() {
        let folder = TestFolder::new("frozen");
        let directory = folder.path(".");
        assert!(!is_frozen(&directory));
        let mark = Mark::make(&directory).unwrap();
        assert!(is_frozen(&directory) && folder.names() == ["qga.state.isfrozen"]);
        // A process has no lock against itself.
        assert_eq!(keeper(&directory), None);
        mark.remove().unwrap();
        assert!(!is_frozen(&directory));
        Mark::make(&directory).unwrap();
        Mark::take_over(&directory).unwrap().remove().unwrap();
        assert!(!is_frozen(&directory));
    }

    #[test]
    fn a_boot_thaws_whatever_an_agent_had_frozen_before() {
        let folder = TestFolder::new("frozen-before");
        let directory = folder.path(".");
        let _mark = Mark::make(&directory).unwrap();
        std::fs::write(marker(&directory), "7d1c8c2e-5b57-4c0c-9d5c-2a0a52e7b3a1\n").unwrap();
        assert!(!is_frozen(&directory));
        // qemu-ga's.
        std::fs::write(marker(&directory), "").unwrap();
        assert!(is_frozen(&directory));
    }

    #[test]
    fn the_counter_is_read_from_what_the_reference_agent_wrote() {
        assert_eq!(counter("[global]\nfd_counter=1001\n"), Some(1001));
        for other in ["", "[global]\n", "fd_counter=", "fd_counter=-5", "fd_counter=9223372036854775808", "\0\0"] {
            assert_eq!(counter(other), None, "{other:?}");
        }
    }
}
