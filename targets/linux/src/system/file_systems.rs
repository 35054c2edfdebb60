//! `filesystem`: mounted file systems, their disks, and giving their free space back.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nanoqga::Failure;
use nanoqga::commands::disk::DiskAddress;
use nanoqga::commands::filesystem::{FileSystem, FileSystems, Trim, Trimmed};
use rustix::fs::{Mode, OFlags, open, statvfs};
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use super::Guest;
use super::block::{Place, places};
use super::errno::failed;
use super::listing::Listing;
use super::mounts::{Mount, mounts};
use super::system::real_path;

/// What was listed last.
#[derive(Debug, Default)]
pub struct Lists {
    file_systems: Listing<Gathered>,
    trimmed: Listing<Mount>,
}

/// A file system with all that is told of it.
#[derive(Debug)]
struct Gathered {
    name: String,
    mount: Mount,
    /// In bytes: in use, of all for everybody, of all for a privileged user.
    space: Option<[u64; 3]>,
    disks: Vec<Place>,
}

/// `struct fstrim_range` of `linux/fs.h`.
#[repr(C)]
struct Range {
    start: u64,
    length: u64,
    minimum: u64,
}

const TRIM: Opcode = opcode::read_write::<Range>(b'X', 121);

impl FileSystems for Guest {
    fn file_system(&mut self, index: usize) -> Result<Option<FileSystem<'_>>, Failure> {
        let gather = || Ok(mounts()?.into_iter().rev().map(Gathered::new).collect());
        let found = self.file_systems.file_systems.element(index, gather)?;
        Ok(found.map(|Gathered { name, mount, space, .. }| FileSystem {
            name,
            mountpoint: &mount.name,
            kind: &mount.kind,
            used_bytes: space.map(|[used, _, _]| used),
            total_bytes: space.map(|[_, total, _]| total),
            total_bytes_privileged: space.map(|[_, _, all]| all),
        }))
    }

    fn disk_of(&mut self, file_system: usize, index: usize) -> Option<DiskAddress<'_>> {
        let file_system = self.file_systems.file_systems.again(file_system)?;
        file_system.disks.get(index).map(Place::address)
    }

    fn trim(&mut self, index: usize, minimum: u64) -> Result<Option<Trimmed<'_>>, Failure> {
        let gather = || Ok(mounts()?.into_iter().rev().collect());
        let mount = self.file_systems.trimmed.element(index, gather)?;
        Ok(mount.map(|mount| Trimmed { path: &mount.name, outcome: trim(mount, minimum) }))
    }
}

impl Gathered {
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

fn trim(mount: &Mount, minimum: u64) -> Result<Trim, Failure> {
    let root = open(&mount.point, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())
        .map_err(|error| failed("failed to open", error))?;
    let mut range = Range { start: 0, length: u64::MAX, minimum };
    // SAFETY: FITRIM updates a struct fstrim_range, which this is.
    match unsafe { ioctl(root, Updater::<TRIM, Range>::new(&mut range)) } {
        Ok(()) => Ok(Trim { trimmed: range.length, minimum: range.minimum }),
        Err(Errno::NOTTY | Errno::OPNOTSUPP) => Err(Failure("trim not supported")),
        Err(error) => Err(failed("failed to trim", error)),
    }
}
