//! The file systems by which a kernel shows what it has, and room for what programs write.

use core::ffi::CStr;

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, open};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::system::errno::text;

/// A file system that every program expects.
struct Expected {
    place: &'static CStr,
    kind: &'static CStr,
    flags: MountFlags,
    data: &'static CStr,
}

const SAFE: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);
const INERT: MountFlags = SAFE.union(MountFlags::NOEXEC);

const EXPECTED: [Expected; 7] = [
    Expected { place: c"/proc", kind: c"proc", flags: INERT, data: c"" },
    Expected { place: c"/sys", kind: c"sysfs", flags: INERT, data: c"" },
    Expected { place: c"/dev", kind: c"devtmpfs", flags: MountFlags::NOSUID, data: c"mode=0755" },
    Expected {
        place: c"/dev/pts",
        kind: c"devpts",
        flags: MountFlags::NOSUID.union(MountFlags::NOEXEC),
        data: c"gid=5,mode=620,ptmxmode=666",
    },
    Expected { place: c"/dev/shm", kind: c"tmpfs", flags: SAFE, data: c"mode=1777" },
    Expected { place: c"/run", kind: c"tmpfs", flags: SAFE, data: c"mode=0755" },
    Expected { place: c"/tmp", kind: c"tmpfs", flags: SAFE, data: c"mode=1777" },
];

/// Names by which programs find what they have open.
const LINKS: [(&CStr, &CStr); 4] = [
    (c"/dev/fd", c"/proc/self/fd"),
    (c"/dev/stdin", c"/proc/self/fd/0"),
    (c"/dev/stdout", c"/proc/self/fd/1"),
    (c"/dev/stderr", c"/proc/self/fd/2"),
];

/// Mounts what is not mounted yet.
pub(super) fn mount_all() {
    for Expected { place, kind, flags, data } in &EXPECTED {
        // It is there, or cannot be made, and then the mount says why.
        let _ = mkdirat(CWD, *place, Mode::from_raw_mode(0o755));
        match mount(*kind, *place, *kind, *flags, *data) {
            Ok(()) | Err(Errno::BUSY) => {}
            Err(error) => warning!("{place:?} cannot be mounted: {}", text(error)),
        }
    }
    for (link, target) in LINKS {
        let _ = rustix::fs::symlinkat(target, CWD, link);
    }
    // Where qemu-ga's state has its default place.
    let _ = mkdirat(CWD, c"/var", Mode::from_raw_mode(0o755));
    let _ = rustix::fs::symlinkat(c"/run", CWD, c"/var/run");
}

/// Gives the process a console, if the kernel found none to give it: there was no /dev yet.
pub(super) fn open_console() {
    // SAFETY: Whether it is open is what is asked.
    if rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(2) }).is_ok() {
        return;
    }
    let Ok(console) = open(c"/dev/console", OFlags::RDWR | OFlags::NOCTTY, Mode::empty()) else { return };
    // What cannot be said is not said.
    let _ = dup2_stdin(&console).and_then(|()| dup2_stdout(&console)).and_then(|()| dup2_stderr(&console));
    // It may be one of the three itself.
    if console.as_raw_fd() <= 2 {
        core::mem::forget(console);
    }
}
