//! The files of accounts, changed as shadow's tools change them: under their locks, and by a rename, so that there is a whole file
//! at any time.

use alloc::format;
use alloc::string::String;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FlockOperation, Mode, OFlags, fcntl_lock, fsync, open, rename, unlink};
use rustix::io::Errno;
use rustix::process::{Pid, getpid, test_kill_process};
use rustix::thread::nanosleep;
use rustix::time::Timespec;

use super::attributes::keep_attributes;
use super::errno::text;
use super::files::{open_directory, read_at, read_line, real_path, write_all};

/// How often a lock that somebody has is tried again, and how long it takes until then: as long in all as lckpwdf(3) waits.
const TRIES: u32 = 150;
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Puts an edited file in the place of the one at `path`, or of the one that a link there names.
pub fn replace<F: AsRef<[u8]>>(path: &str, edit: impl FnOnce(&[u8]) -> Result<F, &'static str>) -> Result<(), String> {
    let failed = |what, error| format!("cannot {what} {path}: {}", text(error));
    let _one = Lock::new(path).map_err(|error| failed("lock", error))?;
    let target = real_path(path).map_err(|error| failed("read", error))?;
    let old = open(target.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|old| Ok((read_at(rustix::fs::CWD, &target)?, old)));
    let (bytes, old) = old.map_err(|error| failed("read", error))?;
    let new = edit(&bytes).map_err(String::from)?;
    write_beside(&target, new.as_ref(), &old).map_err(|error| failed("change", error))
}

fn write_beside(path: &str, bytes: &[u8], like: &OwnedFd) -> Result<(), Errno> {
    let new = format!("{path}+");
    // What a tool has left behind that was killed.
    let _ = unlink(new.as_str());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = open(new.as_str(), flags, Mode::from_raw_mode(0o600))?;
    let written = write_all(&file, bytes)
        .and_then(|()| keep_attributes(like, &file))
        .and_then(|()| fsync(&file))
        .and_then(|()| rename(new.as_str(), path));
    if written.is_err() {
        let _ = unlink(new);
        return written;
    }
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| if folder.is_empty() { "/" } else { folder });
    // It is there; whether it survives the next moment is all that is left open.
    open_directory(folder).and_then(fsync)
}

/// The lock of lckpwdf(3), as long as the file is open.
pub fn lock_all() -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    let file = open("/etc/.pwd.lock", flags, Mode::from_raw_mode(0o600))?;
    patiently(|| match fcntl_lock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
        // Both are said of a lock that somebody has.
        Err(Errno::ACCESS) => Err(Errno::AGAIN),
        outcome => outcome,
    })?;
    Ok(file)
}

/// Tries as long as somebody is there before us.
fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    for _ in 0..TRIES {
        match attempt() {
            Err(Errno::AGAIN | Errno::EXIST) => {
                let _ = nanosleep(&MOMENT);
            }
            outcome => return outcome,
        }
    }
    attempt()
}

/// The lock of shadow-utils on one file: a file beside it with its holder's number.
struct Lock(String);

impl Lock {
    fn new(path: &str) -> Result<Self, Errno> {
        let lock = format!("{path}.lock");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = patiently(|| match open(lock.as_str(), flags, Mode::from_raw_mode(0o600)) {
            Err(Errno::EXIST) if is_stale(&lock) => {
                unlink(lock.as_str())?;
                Err(Errno::EXIST)
            }
            outcome => outcome,
        })?;
        // From here on it goes with this, whatever happens.
        let held = Self(lock);
        write_all(file, format!("{}", getpid()).as_bytes())?;
        Ok(held)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = unlink(self.0.as_str());
    }
}

/// Whether the one who made a lock is no more.
fn is_stale(lock: &str) -> bool {
    let holder = read_line(lock);
    let pid = holder.and_then(|line| line.trim_end_matches('\0').parse().ok()).and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use rustix::fs::{XattrFlags, fchmod, getxattr, setxattr};

    use super::super::files::testing::TestFolder;
    use super::*;

    const NO_USER: &str = "there is no such user";

    #[test]
    fn a_file_is_replaced_whole_with_its_attributes() {
        let folder = TestFolder::new("account-files");
        let (path, link) = (folder.path("shadow"), folder.path("link"));
        std::fs::write(&path, "a:b:1:::::\n").unwrap();
        fchmod(std::fs::File::open(&path).unwrap(), Mode::from_raw_mode(0o640)).unwrap();
        let label = setxattr(&path, "user.label", b"secret", XattrFlags::empty());
        replace(&path, |_| Ok("a:c:2:::::\n")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a:c:2:::::\n");
        assert_eq!(rustix::fs::stat(&path).unwrap().st_mode & 0o777, 0o640);
        // Not every file system has them.
        if label.is_ok() {
            let mut value = [0; 20];
            assert_eq!(getxattr(&path, "user.label", &mut value), Ok(6));
            assert_eq!(&value[..6], b"secret");
        }
        assert_eq!(folder.names(), ["shadow"]);
        std::os::unix::fs::symlink("shadow", &link).unwrap();
        replace(&link, |_| Ok("linked\n")).unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), folder.names().len()), ("linked\n", 2));
        assert_eq!(replace(&path, |_| Err::<&str, _>(NO_USER)).unwrap_err(), NO_USER);
        assert_eq!(folder.names().len(), 2);
    }

    #[test]
    fn a_lock_is_waited_for_and_one_of_nobody_is_taken() {
        let folder = TestFolder::new("account-locks");
        let path = folder.path("shadow");
        std::fs::write(&path, "old\n").unwrap();
        let lock = folder.path("shadow.lock");
        std::fs::write(&lock, format!("{}", getpid())).unwrap();
        let other = lock.clone();
        let holder = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            std::fs::remove_file(other).unwrap();
        });
        replace(&path, |_| Ok("new\n")).unwrap();
        holder.join().unwrap();
        // Its holder is no more: no number is as large.
        std::fs::write(&lock, "99999999\0").unwrap();
        replace(&path, |_| Ok("newer\n")).unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), folder.names().len()), ("newer\n", 1));
    }
}
