//! The keys in a user's `.ssh/authorized_keys`. The directory is the user's own, so nothing is written through links.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nanoqga::{Cause, Failure};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fchmod, fchown, fstat, fsync, mkdirat, open, openat, renameat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::accounts::Account;
use super::attributes::keep_extended_attributes;
use super::errno::failed_at;
use super::files::{read_all, write_all};

const DIRECTORY: &str = ".ssh";
const FILE: &str = "authorized_keys";
const NEW_FILE: &str = "authorized_keys.new";

/// The lines of a user's file, comments among them.
pub fn lines(account: &Account) -> Result<Vec<String>, Errno> {
    let bytes = read_all(own_file(&directory(home(account)?)?, account)?)?;
    Ok(String::from_utf8_lossy(&bytes).lines().map(ToString::to_string).collect())
}

/// Opens a user's file. One that the user might not read is not read for the user: it may be another one's by a link.
fn own_file(directory: &OwnedFd, account: &Account) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(directory, FILE, flags, Mode::empty())?;
    let found = fstat(&file)?;
    let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    let is_public = found.st_uid == 0 && Mode::from_raw_mode(found.st_mode).contains(Mode::ROTH);
    if is_file && (found.st_uid == account.user || is_public) { Ok(file) } else { Err(Errno::ACCESS) }
}

/// That it failed to make a user's directory for the file.
pub fn failed_to_make(account: &Account, error: Errno, cause: &mut Cause) -> Failure {
    failed_at("failed to create directory ", format_args!("'{}/{DIRECTORY}'", account.home), error, cause)
}

/// That it failed to read or write a user's file.
pub fn failed_to(what: &'static str, account: &Account, error: Errno, cause: &mut Cause) -> Failure {
    failed_at(what, format_args!("'{}/{DIRECTORY}/{FILE}'", account.home), error, cause)
}

/// Opens a user's home. A link on the way there is followed only where nobody but root can have made it.
fn home(account: &Account) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut place = open("/", flags, Mode::empty())?;
    for name in account.home.split('/').filter(|name| !matches!(*name, "" | ".")) {
        place = match openat(&place, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
            Err(Errno::NOTDIR | Errno::LOOP) if is_roots_alone(&place)? => openat(&place, name, flags, Mode::empty())?,
            outcome => outcome?,
        };
    }
    openat(place, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn is_roots_alone(directory: &OwnedFd) -> Result<bool, Errno> {
    let found = fstat(directory)?;
    let others = Mode::from_raw_mode(found.st_mode) & (Mode::WGRP | Mode::WOTH);
    Ok(found.st_uid == 0 && others.is_empty())
}

fn directory(home: impl AsFd) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(home, DIRECTORY, flags, Mode::empty())
}

/// Opens a user's directory for the file. If there is none, it is made.
pub fn make_directory(account: &Account) -> Result<OwnedFd, Errno> {
    let home = home(account)?;
    match directory(&home) {
        Err(Errno::NOENT) => {
            mkdirat(&home, DIRECTORY, Mode::RWXU)?;
            let directory = directory(&home)?;
            let (user, group) = owner(account);
            fchown(&directory, Some(user), Some(group))?;
            Ok(directory)
        }
        outcome => outcome,
    }
}

fn owner(account: &Account) -> (Uid, Gid) {
    (Uid::from_raw(account.user), Gid::from_raw(account.group))
}

/// Gives a user a file with these lines, in that directory.
pub fn write(directory: &OwnedFd, account: &Account, lines: &[String]) -> Result<(), Errno> {
    let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    let (user, group) = owner(account);
    match unlinkat(directory, NEW_FILE, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let owner_only = Mode::RUSR | Mode::WUSR;
    let file = openat(directory, NEW_FILE, flags, owner_only)?;
    let old = own_file(directory, account);
    let written = write_all(&file, text.as_bytes())
        .and_then(|()| fchmod(&file, owner_only))
        .and_then(|()| fchown(&file, Some(user), Some(group)))
        .and_then(|()| old.map_or(Ok(()), |old| keep_extended_attributes(old, &file)))
        .and_then(|()| fsync(&file))
        .and_then(|()| renameat(directory, NEW_FILE, directory, FILE));
    if written.is_err() {
        let _ = unlinkat(directory, NEW_FILE, AtFlags::empty());
        return written;
    }
    fsync(directory)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::files::names;
    use super::super::files::testing::TestFolder;
    use super::*;

    fn account_at(home: &str) -> Account {
        let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        Account { user, group, home: home.into(), shadowed: true }
    }

    fn write_all_of(account: &Account, lines: &[String]) -> Result<(), Errno> {
        write(&make_directory(account)?, account, lines)
    }

    #[test]
    fn keys_are_written_for_the_owner_alone_and_read_again() {
        let folder = TestFolder::new("ssh");
        let account = account_at(&folder.path("."));
        assert_eq!(lines(&account), Err(Errno::NOENT));
        let keys = ["# mine", "ssh-ed25519 AAAA one", "ssh-rsa BBBB two"].map(String::from);
        write_all_of(&account, &keys).unwrap();
        assert_eq!(lines(&account).unwrap(), keys);
        write_all_of(&account, &keys[1..2]).unwrap();
        let path = folder.path(".ssh/authorized_keys");
        assert_eq!(fs::read_to_string(&path).unwrap(), "ssh-ed25519 AAAA one\n");
        let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder.path(".ssh"))), (0o600, 0o700));
        assert_eq!(names(&folder.path(".ssh")).unwrap(), ["authorized_keys"]);
        write_all_of(&account, &[]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn a_failure_names_the_users_file() {
        let mut cause = Cause::new();
        let failure = failed_to("failed to read ", &account_at("/home/alice"), Errno::ACCESS, &mut cause);
        assert_eq!(failure, Failure("failed to read "));
        assert_eq!(cause.as_str(), "'/home/alice/.ssh/authorized_keys': Permission denied");
    }

    #[test]
    fn nothing_is_written_where_a_user_points_to() {
        let folder = TestFolder::new("ssh-links");
        for name in ["home", "other", "home/real"] {
            fs::create_dir(folder.path(name)).unwrap();
        }
        symlink(folder.path("other"), folder.path("home/.ssh")).unwrap();
        let account = account_at(&folder.path("home"));
        assert!(write_all_of(&account, &["key".into()]).is_err());
        fs::remove_file(folder.path("home/.ssh")).unwrap();
        fs::create_dir(folder.path("home/.ssh")).unwrap();
        fs::write(folder.path("other/target"), "kept").unwrap();
        for name in [FILE, NEW_FILE] {
            symlink(folder.path("other/target"), folder.path(&alloc::format!("home/.ssh/{name}"))).unwrap();
        }
        write_all_of(&account, &["key".into()]).unwrap();
        assert_eq!(fs::read_to_string(folder.path("other/target")).unwrap(), "kept");
        assert_eq!(lines(&account).unwrap(), ["key"]);
    }

    #[test]
    fn nothing_is_read_where_a_user_points_to() {
        let folder = TestFolder::new("ssh-read");
        fs::create_dir_all(folder.path("home/.ssh")).unwrap();
        fs::write(folder.path("secret"), "secret\n").unwrap();
        let account = account_at(&folder.path("home"));
        symlink(folder.path("secret"), folder.path("home/.ssh/authorized_keys")).unwrap();
        assert_eq!(lines(&account), Err(Errno::LOOP));
        // By a link that is the file itself, of another owner.
        fs::remove_file(folder.path("home/.ssh/authorized_keys")).unwrap();
        fs::hard_link(folder.path("secret"), folder.path("home/.ssh/authorized_keys")).unwrap();
        let other = Account { user: account.user + 1, ..account.clone() };
        fs::set_permissions(folder.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(lines(&other), Err(Errno::ACCESS));
        assert_eq!(lines(&account).unwrap(), ["secret"]);
        // A part of the way home that is no folder, in a folder that others can write to.
        fs::set_permissions(folder.path("."), fs::Permissions::from_mode(0o777)).unwrap();
        symlink(folder.path("home"), folder.path("link")).unwrap();
        assert!(write_all_of(&account_at(&folder.path("link")), &["key".into()]).is_err());
    }
}
