//! `fsfreeze`: file systems that hold still, from the one that was mounted last to the first, since a file system may be on
//! another.

use alloc::ffi::CString;
use alloc::string::String;

use nanoqga::commands::fsfreeze::Freeze;
use nanoqga::{Failure, List, Text};
use rustix::fd::OwnedFd;
use rustix::fs::{Access, Mode, OFlags, access, open};
use rustix::io::Errno;
use rustix::ioctl::{NoArg, Opcode, ioctl, opcode};
use rustix::process::{WaitOptions, waitpid};

use super::errno::failed;
use super::mounts::{Mount, mounts};
use super::spawn::{Streams, spawn};
use super::{Guest, state};

const FREEZE: Opcode = opcode::read_write::<core::ffi::c_int>(b'X', 119);
const THAW: Opcode = opcode::read_write::<core::ffi::c_int>(b'X', 120);

impl Freeze for Guest {
    fn freeze(&mut self, mountpoints: Option<List<'_, Text<'_>>>) -> Result<usize, Failure> {
        self.run_hook(c"freeze")?;
        let mounts = mounts()?;
        // Before anything is frozen: the mark may lie on what will be.
        self.set_frozen(true)?;
        let wanted =
            |mount: &Mount| mountpoints.is_none_or(|points| points.iter().any(|point| point == *mount.name.as_str()));
        let mut count = 0;
        for mount in mounts.iter().rev().filter(|mount| wanted(mount)) {
            match freeze(mount) {
                Ok(frozen) => count += usize::from(frozen),
                Err(failure) => {
                    // The failure to freeze is what the client is told.
                    let _ = self.thaw();
                    return Err(failure);
                }
            }
        }
        if count == 0 {
            self.set_frozen(false)?;
        }
        Ok(count)
    }

    fn thaw(&mut self) -> Result<usize, Failure> {
        let count = mounts()?.iter().filter(|mount| thaw(mount)).count();
        self.set_frozen(false)?;
        self.run_hook(c"thaw")?;
        Ok(count)
    }
}

impl Guest {
    fn set_frozen(&mut self, frozen: bool) -> Result<(), Failure> {
        state::mark_frozen(&self.options.state_dir, frozen)
            .map_err(|error| failed("failed to mark file systems as frozen", error))?;
        self.frozen = frozen;
        Ok(())
    }

    /// Runs the hook, if there is one, to its end: file systems must not be frozen under it.
    fn run_hook(&self, what: &core::ffi::CStr) -> Result<(), Failure> {
        let Some(hook) = &self.options.fsfreeze_hook else { return Ok(()) };
        run_hook(hook, what)
    }
}

fn run_hook(hook: &String, what: &core::ffi::CStr) -> Result<(), Failure> {
    let refused = |error| failed("can't access fsfreeze hook", error);
    access(hook, Access::EXEC_OK).map_err(refused)?;
    let path = CString::new(hook.as_str()).map_err(|_| refused(Errno::INVAL))?;
    let pid = spawn(&[path, what.into()], None, Streams::default())
        .map_err(|error| failed("failed to run fsfreeze hook", error))?;
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(failed("failed to wait for fsfreeze hook", error)),
            Ok(ended) => match ended.map(|(_, status)| status.exit_status()) {
                Some(Some(0)) => return Ok(()),
                Some(Some(_)) => return Err(Failure("fsfreeze hook has failed")),
                Some(None) | None => return Err(Failure("fsfreeze hook has terminated abnormally")),
            },
        }
    }
}

/// Freezes a file system; returns whether it did. Those that cannot be frozen, or are frozen already since they are mounted
/// twice, are passed over.
fn freeze(mount: &Mount) -> Result<bool, Failure> {
    let root = root(mount).map_err(|error| failed("failed to open a mount point", error))?;
    // SAFETY: FIFREEZE takes no argument.
    match unsafe { ioctl(root, NoArg::<FREEZE>::new()) } {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::BUSY) => Ok(false),
        Err(error) => Err(failed("failed to freeze a file system", error)),
    }
}

/// Thaws a file system as often as it was frozen; returns whether it was.
fn thaw(mount: &Mount) -> bool {
    let Ok(root) = root(mount) else { return false };
    let mut thawed = false;
    // SAFETY: FITHAW takes no argument.
    while unsafe { ioctl(&root, NoArg::<THAW>::new()) }.is_ok() {
        thawed = true;
    }
    thawed
}

fn root(mount: &Mount) -> Result<OwnedFd, Errno> {
    open(&mount.point, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())
}
