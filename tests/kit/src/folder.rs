//! Folders of our own for sockets and logs, which are gone when we are.

use std::env;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// How the names of all begin.
const PREFIX: &str = "nanoqga-";

/// A file in each, which is locked as long as its process is there.
const LOCK: &str = "lock";

/// A folder of our own, removed when dropped. Its path is short enough for unix sockets. One whose process was killed is
/// removed by the next process that makes one.
#[derive(Debug)]
pub struct PrivateFolder {
    path: PathBuf,
    /// The kernel unlocks it when the process ends, however it ends.
    _lock: File,
}

impl PrivateFolder {
    /// A new folder that only we (and root) can enter.
    ///
    /// # Errors
    /// When the system's folder for temporary files cannot be written to.
    pub fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        static SWEPT: Once = Once::new();
        let all = env::temp_dir();
        SWEPT.call_once(|| sweep(&all));
        let path = loop {
            let path = all.join(format!("{PREFIX}{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => break path,
                // Of an earlier process of our number, which was killed while it made or removed the folder.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("cannot make {}", path.display())),
            }
        };
        let lock = File::create(path.join(LOCK))?;
        lock.lock().with_context(|| format!("cannot lock a file in {}", path.display()))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // A leftover in the folder for temporary files is no reason to fail.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders of processes that were killed. Another user's cannot be opened, and stay.
fn sweep(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if ours && is_abandoned(&entry.path()) {
            // Another process may be doing the same.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether a folder's process is gone. One without a lock is being made.
fn is_abandoned(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
        Err(error) => error.kind() != ErrorKind::NotFound && error.kind() != ErrorKind::PermissionDenied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_value() {
        let folder = PrivateFolder::new().unwrap();
        let path = folder.path().to_owned();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn what_another_process_of_our_number_left_is_passed_by() {
        let first = PrivateFolder::new().unwrap();
        let name = first.path().file_name().and_then(|name| name.to_str()).unwrap();
        let number: u32 = name.rsplit('-').next().unwrap().parse().unwrap();
        // Other tests make folders, too, so some of these may be theirs.
        let left: Vec<_> = (number + 1..number + 20)
            .map(|number| first.path().with_file_name(format!("{PREFIX}{}-{number}", process::id())))
            .filter(|path| fs::create_dir(path).is_ok())
            .collect();
        let next = PrivateFolder::new();
        left.iter().for_each(|path| fs::remove_dir(path).unwrap());
        assert!(next.is_ok_and(|next| next.path() != first.path()) && !left.is_empty());
    }

    #[test]
    fn only_folders_of_processes_that_are_gone_are_swept() {
        let all = PrivateFolder::new().unwrap();
        let make = |name: &str| {
            let path = all.path().join(format!("{PREFIX}{name}"));
            fs::create_dir(&path).unwrap();
            path
        };
        let (gone, alive, new) = (make("gone"), make("alive"), make("new"));
        File::create(gone.join(LOCK)).unwrap();
        let lock = File::create(alive.join(LOCK)).unwrap();
        lock.lock().unwrap();
        let foreign = all.path().join("foreign");
        fs::create_dir(&foreign).unwrap();
        sweep(all.path());
        assert!(!gone.exists() && alive.exists() && new.exists() && foreign.exists());
    }
}
