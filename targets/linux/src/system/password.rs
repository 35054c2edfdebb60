//! A new password in `/etc/shadow`, as chpasswd(8) sets it: hashed with SHA-512, under the locks of shadow-utils, and put in
//! place by a rename, so that there is a whole file at any time.

use alloc::format;
use alloc::string::{String, ToString};

use base64ct::{Base64ShaCrypt, Encoding};
use nanoqga::{Cause, Failure};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FlockOperation, Mode, OFlags, Stat, fchmod, fchown, fcntl_lock, fstat, fsync, open, rename, unlink};
use rustix::io::Errno;
use rustix::process::{Gid, Pid, Uid, getpid, test_kill_process};
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{ClockId, clock_gettime};
use sha_crypt::{BLOCK_SIZE_SHA512, Params, sha512_crypt};

use super::accounts::{find, with_passwd, with_shadow};
use super::errno::{self, failed_by};
use super::files::{read_at, write_all};

const NO_USER: &str = "there is no such user";

/// Gives a user this password, which is in plain text, or as crypt(3) makes it.
pub fn set(name: &str, password: &[u8], crypted: bool, cause: &mut Cause) -> Result<(), Failure> {
    change(name, password, crypted)
        .map_err(|reason| failed_by("failed to set the password of user ", format_args!("'{name}': {reason}"), cause))
}

/// Why something cannot be done.
fn reason(what: &str, error: Errno) -> String {
    format!("{what}: {}", errno::text(error))
}

/// Does it, or says why it cannot be done.
fn change(name: &str, password: &[u8], crypted: bool) -> Result<(), String> {
    let hash = if crypted { given(password)? } else { hash(password)? };
    // Who changes accounts holds the first for all of them, and the second for the one file.
    let _all = lock_all().map_err(|error| reason("cannot lock /etc/.pwd.lock", error))?;
    let passwd = text("/etc/passwd").map_err(|error| reason("cannot read /etc/passwd", error))?.0;
    let account = find(&passwd, name).ok_or(NO_USER)?;
    if !account.shadowed {
        return replace("/etc/passwd", |passwd| with_passwd(passwd, name, &hash));
    }
    let day = clock_gettime(ClockId::Realtime).tv_sec.max(0).unsigned_abs() / 86400;
    replace("/etc/shadow", |shadow| Some(with_shadow(shadow, name, &hash, day)))
}

/// A hash must not be more than one field of a line.
fn given(hash: &[u8]) -> Result<String, String> {
    let whole = !hash.iter().any(|byte| *byte == b':' || byte.is_ascii_control());
    let text = core::str::from_utf8(hash).ok().filter(|_| whole);
    text.map(String::from).ok_or_else(|| "the password is not as crypt makes it".to_string())
}

/// The SHA-512 of a password as crypt(3) has it, with a salt of its own.
fn hash(password: &[u8]) -> Result<String, String> {
    let mut salt = [0; 12];
    // As many random bytes come at once, or none.
    getrandom(&mut salt, GetRandomFlags::empty()).map_err(|error| reason("there is no random salt", error))?;
    Ok(crypt(password, &Base64ShaCrypt::encode_string(&salt)))
}

fn crypt(password: &[u8], salt: &str) -> String {
    let sum = sha512_crypt(password, salt.as_bytes(), Params::default());
    format!("$6${salt}${}", encode(&sum))
}

/// A sum's digits. Its bytes come in the order of the format: each time one of each third, in turn another one first; the last
/// byte by itself.
fn encode(sum: &[u8; BLOCK_SIZE_SHA512]) -> String {
    let mut ordered = *sum;
    for (place, three) in ordered.as_chunks_mut().0.iter_mut().enumerate() {
        let [a, b, c] = [0, 21, 42].map(|third| sum.get(third + place).copied().unwrap_or_default());
        *three = match place % 3 {
            0 => [c, b, a],
            1 => [a, c, b],
            _ => [b, a, c],
        };
    }
    Base64ShaCrypt::encode_string(&ordered)
}

/// Text and owner of a password file, which must be UTF-8 to be written again.
fn text(path: &str) -> Result<(String, Stat), Errno> {
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let found = fstat(&file)?;
    let bytes = read_at(rustix::fs::CWD, path)?;
    Ok((String::from_utf8(bytes).map_err(|_| Errno::ILSEQ)?, found))
}

/// Puts an edited file in the place of the one at `path`.
fn replace(path: &str, edit: impl FnOnce(&str) -> Option<String>) -> Result<(), String> {
    let failed = |what, error| reason(&format!("cannot {what} {path}"), error);
    let _one = Lock::new(path).map_err(|error| failed("lock", error))?;
    let (old, found) = text(path).map_err(|error| failed("read", error))?;
    let new = edit(&old).ok_or(NO_USER)?;
    write_beside(path, &new, &found).map_err(|error| failed("change", error))
}

fn write_beside(path: &str, text: &str, like: &Stat) -> Result<(), Errno> {
    let new = format!("{path}+");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = open(new.as_str(), flags, Mode::from_raw_mode(0o600))?;
    let written = fchown(&file, Some(Uid::from_raw(like.st_uid)), Some(Gid::from_raw(like.st_gid)))
        .and_then(|()| fchmod(&file, Mode::from_raw_mode(like.st_mode)))
        .and_then(|()| write_all(&file, text.as_bytes()))
        .and_then(|()| fsync(&file))
        .and_then(|()| rename(new.as_str(), path));
    if written.is_err() {
        let _ = unlink(new);
    }
    written
}

/// The lock of lckpwdf(3), as long as the file is open. Who holds it is not waited for.
fn lock_all() -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    let file = open("/etc/.pwd.lock", flags, Mode::from_raw_mode(0o600))?;
    fcntl_lock(file.as_fd(), FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// The lock of shadow-utils on one file: a file beside it with its holder's number.
struct Lock(String);

impl Lock {
    fn new(path: &str) -> Result<Self, Errno> {
        let lock = format!("{path}.lock");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let create = || open(lock.as_str(), flags, Mode::from_raw_mode(0o600));
        let file = match create() {
            Err(Errno::EXIST) if is_stale(&lock) => {
                unlink(lock.as_str())?;
                create()?
            }
            outcome => outcome?,
        };
        write_all(file, format!("{}", getpid()).as_bytes())?;
        Ok(Self(lock))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = unlink(self.0.as_str());
    }
}

/// Whether the one who made a lock is no more.
fn is_stale(lock: &str) -> bool {
    let holder = super::files::read_line(lock);
    let pid = holder.and_then(|line| line.trim_end_matches('\0').parse().ok()).and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::super::files::testing::TestFolder;
    use super::*;

    #[test]
    fn a_hash_is_what_crypt_makes() {
        // The first vector of "Unix crypt using SHA-256 and SHA-512" (Drepper).
        let expected = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJu\
            esI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
        assert_eq!(crypt(b"Hello world!", "saltstring"), expected);
    }

    #[test]
    fn every_hash_has_a_salt_of_its_own() {
        let (one, other) = (hash(b"secret").unwrap(), hash(b"secret").unwrap());
        assert_ne!(one, other);
        assert_eq!((one.len(), one.get(..3)), (3 + 16 + 1 + 86, Some("$6$")));
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_only_without_another_at_it() {
        let folder = TestFolder::new("password");
        let path = folder.path("shadow");
        std::fs::write(&path, "a:b:1:::::\n").unwrap();
        fchmod(std::fs::File::open(&path).unwrap(), Mode::from_raw_mode(0o640)).unwrap();
        replace(&path, |old| Some(with_shadow(old, "a", "c", 2))).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a:c:2:::::\n");
        assert_eq!(rustix::fs::stat(&path).unwrap().st_mode & 0o777, 0o640);
        assert_eq!(folder.names(), ["shadow"]);

        assert_eq!(replace(&path, |_| None).unwrap_err(), "there is no such user");
        let lock = folder.path("shadow.lock");
        std::fs::write(&lock, format!("{}", getpid())).unwrap();
        let busy = format!("cannot lock {path}: File exists");
        assert_eq!(replace(&path, |_| Some(String::new())).unwrap_err(), busy);
        // Its holder is no more: no number is as large.
        std::fs::write(&lock, "99999999\0").unwrap();
        replace(&path, |_| Some("new\n".into())).unwrap();
        assert_eq!(
            (std::fs::read_to_string(&path).unwrap().as_str(), folder.names()),
            ("new\n", std::vec!["shadow".into()])
        );
    }

    #[test]
    fn a_failure_says_whose_password_was_not_set() {
        let mut cause = Cause::new();
        assert_eq!(set("alice", b"a:b", true, &mut cause), Err(Failure("failed to set the password of user ")));
        assert_eq!(cause.as_str(), "'alice': the password is not as crypt makes it");
    }

    #[test]
    fn a_crypted_password_is_one_field() {
        assert_eq!(given(b"$6$s$h").unwrap(), "$6$s$h");
        for other in [b"a:b".as_slice(), b"a\0", b"a\r", b"\xff"] {
            assert!(given(other).is_err(), "{other:?}");
        }
    }
}
