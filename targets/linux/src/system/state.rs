//! What outlives the agent, in the files that qemu-ga keeps it in: `qga.state`, a key file with the counter of handles, and
//! `qga.state.isfrozen`, which is there while file systems are frozen.

use alloc::format;
use alloc::string::String;

use rustix::fs::{Mode, OFlags, open, rename, unlink};
use rustix::io::Errno;

use super::files::{read_text, write_all};

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

/// Whether an agent with this directory has frozen file systems.
pub fn is_frozen(directory: &str) -> bool {
    rustix::fs::stat(marker(directory)).is_ok()
}

/// Marks file systems as frozen, or no more, for an agent after this one.
pub fn mark_frozen(directory: &str, frozen: bool) -> Result<(), Errno> {
    if frozen {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
        return open(marker(directory), flags, OWNER).map(|_| ());
    }
    match unlink(marker(directory)) {
        Err(Errno::NOENT) => Ok(()),
        outcome => outcome,
    }
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
        mark_frozen(&directory, false).unwrap();
        assert!(!is_frozen(&directory));
        mark_frozen(&directory, true).unwrap();
        mark_frozen(&directory, true).unwrap();
        assert!(is_frozen(&directory) && folder.names() == ["qga.state.isfrozen"]);
        mark_frozen(&directory, false).unwrap();
        assert!(!is_frozen(&directory));
    }

    #[test]
    fn the_counter_is_read_from_what_the_reference_agent_wrote() {
        assert_eq!(counter("[global]\nfd_counter=1001\n"), Some(1001));
        for other in ["", "[global]\n", "fd_counter=", "fd_counter=-5", "fd_counter=9223372036854775808", "\0\0"] {
            assert_eq!(counter(other), None, "{other:?}");
        }
    }
}
