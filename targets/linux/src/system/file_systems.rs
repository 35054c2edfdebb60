//! Mounted file systems: what is told of each, and the calls that trim, freeze and thaw one.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ffi::c_int;

use nanoqga::commands::filesystem::Trim;
use nanoqga::{Cause, Failure};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open, statvfs};
use rustix::io::Errno;
use rustix::ioctl::{NoArg, Opcode, Updater, ioctl, opcode};

use super::block::{Place, places};
use super::errno::{failed, failed_at};
use super::files::real_path;
use super::mounts::{Mount, mounts};

/// A file system with all that is told of it.
#[derive(Debug)]
pub struct FileSystem {
    pub name: String,
    pub mount: Mount,
    /// In bytes: in use, of all for everybody, of all for a privileged user.
    pub space: Option<[u64; 3]>,
    pub disks: Vec<Place>,
}

/// `struct fstrim_range` of `linux/fs.h`.
#[repr(C)]
struct Range {
    start: u64,
    length: u64,
    minimum: u64,
}

const FREEZE: Opcode = opcode::read_write::<c_int>(b'X', 119);
const THAW: Opcode = opcode::read_write::<c_int>(b'X', 120);
const TRIM: Opcode = opcode::read_write::<Range>(b'X', 121);

/// All that are on disks; the one that was mounted last comes first.
pub fn all() -> Result<Vec<FileSystem>, Failure> {
    Ok(mounts()?.into_iter().rev().map(FileSystem::new).collect())
}

impl FileSystem {
    fn new(mount: Mount) -> Self {
        let (major, minor) = mount.device;
        let number = format!("{major}:{minor}");
        // In a container the device may not be there.
        let device = real_path(&format!("/sys/dev/block/{number}")).ok();
        let name = device.as_deref().and_then(|device| device.rsplit('/').next()).unwrap_or(&number).to_string();
        let space = statvfs(&mount.point).ok().map(|found| {
            let used = found.f_blocks.saturating_sub(found.f_bfree);
            [used, used.saturating_add(found.f_bavail), found.f_blocks]
                .map(|blocks| blocks.saturating_mul(found.f_frsize))
        });
        Self { name, mount, space, disks: device.as_deref().map(places).unwrap_or_default() }
    }
}

/// Gives the free space of a file system back to its disk, where it is `minimum` bytes or more on end.
pub fn trim(mount: &Mount, minimum: u64) -> Result<Trim, Failure> {
    let root = root(mount).map_err(|error| failed("failed to open", error))?;
    let mut range = Range { start: 0, length: u64::MAX, minimum };
    // SAFETY: FITRIM updates a struct fstrim_range, which this is.
    match unsafe { ioctl(root, Updater::<TRIM, Range>::new(&mut range)) } {
        Ok(()) => Ok(Trim { trimmed: range.length, minimum: range.minimum }),
        Err(Errno::NOTTY | Errno::OPNOTSUPP) => Err(Failure("trim not supported")),
        Err(error) => Err(failed("failed to trim", error)),
    }
}

/// Freezes a file system; returns whether it did. Those that cannot be frozen, or are frozen already since they are mounted
/// twice, are passed over.
pub fn freeze(mount: &Mount, cause: &mut Cause) -> Result<bool, Failure> {
    let root = root(mount).map_err(|error| failed_at("failed to open ", &mount.name, error, cause))?;
    // SAFETY: FIFREEZE takes no argument.
    match unsafe { ioctl(root, NoArg::<FREEZE>::new()) } {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::BUSY) => Ok(false),
        Err(error) => Err(failed_at("failed to freeze ", &mount.name, error, cause)),
    }
}

/// Thaws a file system as often as it was frozen; returns whether it was.
pub fn thaw(mount: &Mount) -> bool {
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
