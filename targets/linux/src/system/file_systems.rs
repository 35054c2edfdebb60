//! Mounted file systems: what is told of each, and the calls that trim, freeze and thaw one.

use alloc::ffi::CString;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ffi::c_int;

use nanoqga::Failure;
use nanoqga::commands::filesystem::Trim;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags, open, openat, statvfs, statx};
use rustix::io::Errno;
use rustix::ioctl::{NoArg, Opcode, Updater, ioctl, opcode};

use super::block::{Place, is_virtual, places};
use super::errno::failed;
use super::files::linked;
use super::mounts::{Mount, Mounted, mounted, mounted_in, open_table};

/// A file system with what is told of it.
#[derive(Debug)]
pub struct FileSystem {
    pub name: String,
    pub mountpoint: String,
    pub kind: String,
    pub disks: Vec<Place>,
    /// Where it is mounted.
    point: Option<CString>,
    /// The directory of its device, if that is made from others, which can change.
    made: Option<String>,
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

/// The file systems on disks. They are kept as long as no mount changes, because hosts ask often.
#[derive(Debug, Default)]
pub struct Known {
    /// The table of mounts, from before the list was made.
    table: Option<OwnedFd>,
    list: Vec<FileSystem>,
}

/// How many file systems are kept.
const MOST_KEPT: usize = 64;

impl Known {
    /// The `index`-th file system; the one that was mounted last comes first. Index 0 looks at what there is.
    pub fn element(&mut self, index: usize) -> Result<Option<&FileSystem>, Failure> {
        if index == 0 {
            self.look().map_err(|error| failed("failed to read the mounts", error))?;
        }
        if index == self.list.len() && index > MOST_KEPT {
            *self = Self::default();
        }
        Ok(self.list.get(index))
    }

    /// The `index`-th file system again.
    pub fn again(&self, index: usize) -> Option<&FileSystem> {
        self.list.get(index)
    }

    fn look(&mut self) -> Result<(), Errno> {
        if self.is_current() {
            self.list.iter_mut().for_each(FileSystem::refresh);
            return Ok(());
        }
        *self = Self::default();
        let table = open_table()?;
        self.list = mounted_in(&table)?.into_iter().rev().map(FileSystem::new).collect();
        self.table = Some(table);
        Ok(())
    }

    fn is_current(&self) -> bool {
        let Some(table) = &self.table else { return false };
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(table, PollFlags::PRI)], Some(&now)) == Ok(0)
    }
}

/// All that are on disks, in the order in which they were mounted.
pub fn list() -> Result<Vec<Mounted>, Failure> {
    mounted().map_err(|error| failed("failed to read the mounts", error))
}

impl FileSystem {
    fn new(found: Mounted) -> Self {
        let (major, minor) = found.disk;
        let number = format!("{major}:{minor}");
        // In a container the device may not be there.
        let device = linked("/sys/dev/block", &number).ok();
        let name = device.as_deref().and_then(|device| device.rsplit('/').next()).unwrap_or(&number).to_string();
        let disks = device.as_deref().map(places).unwrap_or_default();
        let (point, mountpoint) = (found.place().map(|place| place.point.clone()), found.name());
        let made = device.filter(|device| is_virtual(device));
        Self { name, mountpoint, kind: found.kind, disks, point, made }
    }

    fn refresh(&mut self) {
        if let Some(device) = &self.made {
            self.disks = places(device);
        }
    }

    /// How many bytes are in use, of all for everybody, of all for a privileged user.
    pub fn space(&self) -> Option<[u64; 3]> {
        let found = statvfs(self.point.as_ref()?).ok()?;
        let used = found.f_blocks.saturating_sub(found.f_bfree);
        let blocks = [used, used.saturating_add(found.f_bavail), found.f_blocks];
        Some(blocks.map(|blocks| blocks.saturating_mul(found.f_frsize)))
    }
}

/// Gives the free space of a file system back to its disk, where it is `minimum` bytes or more on end.
pub fn trim(found: &Mounted, minimum: u64) -> Result<Trim, Failure> {
    let root = open_any(found).map_err(|error| failed("failed to open", error))?;
    let mut range = Range { start: 0, length: u64::MAX, minimum };
    // SAFETY: FITRIM updates a struct fstrim_range, which this is.
    match unsafe { ioctl(root, Updater::<TRIM, Range>::new(&mut range)) } {
        Ok(()) => Ok(Trim { trimmed: range.length, minimum: range.minimum }),
        Err(Errno::NOTTY | Errno::OPNOTSUPP) => Err(Failure("trim not supported")),
        Err(error) => Err(failed("failed to trim", error)),
    }
}

/// Freezes a file system; returns whether it did. One that cannot be frozen, or is frozen already, is passed over.
pub fn freeze(root: &OwnedFd) -> Result<bool, Errno> {
    // SAFETY: FIFREEZE takes no argument.
    match unsafe { ioctl(root, NoArg::<FREEZE>::new()) } {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::BUSY) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Thaws a file system as often as it was frozen; returns whether it was.
pub fn thaw(root: &OwnedFd) -> bool {
    let mut thawed = false;
    // SAFETY: FITHAW takes no argument.
    while unsafe { ioctl(root, NoArg::<THAW>::new()) }.is_ok() {
        thawed = true;
    }
    thawed
}

/// Opens a folder or file of a file system, by the first of its mounts that another one does not hide. Nothing else is opened: a
/// device or a FIFO may be mounted somewhere, too.
pub fn open_any(found: &Mounted) -> Result<OwnedFd, Errno> {
    let mut outcome = Err(Errno::NOENT);
    for mount in found.place().into_iter().chain(&found.mounts) {
        match open_mount(found, mount) {
            Ok(root) => return Ok(root),
            // What cannot be told from a mount that is gone is told last.
            Err(error) if outcome.as_ref().is_err_and(|first| *first == Errno::NOENT) => outcome = Err(error),
            Err(_) => {}
        }
    }
    outcome
}

fn open_mount(found: &Mounted, mount: &Mount) -> Result<OwnedFd, Errno> {
    let place = open(&mount.point, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let wanted = StatxFlags::TYPE | StatxFlags::MNT_ID;
    let seen = statx(&place, c"", AtFlags::EMPTY_PATH, wanted)?;
    let knows_mount = seen.stx_mask & StatxFlags::MNT_ID.bits() != 0;
    let is_it = match knows_mount {
        true => seen.stx_mnt_id == mount.id,
        // Every subvolume of btrfs has a number of its own.
        false => (seen.stx_dev_major, seen.stx_dev_minor) == found.number || found.kind == "btrfs",
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match FileType::from_raw_mode(seen.stx_mode.into()) {
        _ if !is_it => Err(Errno::NOENT),
        FileType::Directory => openat(&place, c".", flags | OFlags::DIRECTORY, Mode::empty()),
        FileType::RegularFile => open(format!("/proc/self/fd/{}", place.as_raw_fd()), flags, Mode::empty()),
        _ => Err(Errno::NOENT),
    }
}
