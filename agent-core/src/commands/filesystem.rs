//! `guest-get-fsinfo` and `guest-fstrim`.

use serde::Serialize;

use super::disk::DiskAddress;
use super::parts::{list_in_parts, list_member};
use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Kind, Reply, Step};

/// A mounted file system: QEMU's `GuestFilesystemInfo` without its disks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileSystem<'a> {
    /// The name of the disk or volume.
    pub name: &'a str,
    /// Where it is mounted.
    pub mountpoint: &'a str,
    /// The type, such as `vfat`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// How many bytes of it are in use.
    pub used_bytes: Option<u64>,
    /// How many bytes there are for everybody.
    pub total_bytes: Option<u64>,
    /// How many bytes there are for a privileged user.
    pub total_bytes_privileged: Option<u64>,
}

/// What trimming a file system came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trimmed<'a> {
    /// Where it is mounted.
    pub path: &'a str,
    /// How much was trimmed, or why nothing was.
    pub outcome: Result<Trim, Failure>,
}

/// How much was trimmed of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trim {
    /// How many bytes were given back to the disk.
    pub trimmed: u64,
    /// How many bytes free space had to have on end.
    pub minimum: u64,
}

/// QEMU's `GuestFilesystemTrimResult`.
#[derive(Serialize)]
struct TrimResult<'a> {
    path: &'a str,
    trimmed: Option<u64>,
    minimum: Option<u64>,
    error: Option<&'static str>,
}

/// What `guest-get-fsinfo` needs of its guest.
pub trait FileSystems {
    /// The `index`-th mounted file system, if there are as many; the one that was mounted last comes first.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn file_system(&mut self, index: usize) -> Result<Option<FileSystem<'_>>, Failure>;

    /// The `index`-th disk that the `file_system`-th file system is on.
    fn disk_of(&mut self, file_system: usize, index: usize) -> Option<DiskAddress<'_>> {
        let _ = (file_system, index);
        None
    }
}

/// What `guest-fstrim` needs of its guest.
pub trait Trimming {
    /// Gives the free space of the `index`-th file system that can be trimmed back to its disk, where it is `minimum` bytes or
    /// more on end. `None` if there are not as many file systems.
    ///
    /// # Errors
    /// If the guest does not know its file systems. That one cannot be trimmed is its [`Trimmed::outcome`].
    fn trim(&mut self, index: usize, minimum: u64) -> Result<Option<Trimmed<'_>>, Failure>;
}

/// `guest-get-fsinfo`.
#[must_use]
pub const fn commands<G: FileSystems>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-fsinfo", file_systems)] }
}

/// `guest-fstrim`.
#[must_use]
pub const fn trim_commands<G: Trimming>() -> &'static [Command<G>] {
    const { &[Command::new("guest-fstrim", trim).to_the_end()] }
}

/// Tells the mounted file systems, the last one that was mounted first.
///
/// Returns a list: of each its `name`, `mountpoint` and `type`, the disks that it is on in `disk` (each as the `address` of
/// guest-get-disks), and where they are known `used-bytes`, `total-bytes` and `total-bytes-privileged`.
fn file_systems<G: FileSystems>(
    guest: &mut G,
    request: &mut Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Step, Error> {
    if request.step() == 0 {
        request.arguments().finish()?;
    }
    list_in_parts(guest, request, reply, begin_file_system, disk_of)
}

fn begin_file_system<G: FileSystems>(guest: &mut G, index: usize, reply: &mut Reply<'_>) -> Result<bool, Error> {
    let Some(file_system) = guest.file_system(index)? else { return Ok(false) };
    reply.open_with(None, &file_system)?;
    Ok(true)
}

fn disk_of<G: FileSystems>(guest: &mut G, file_system: usize, index: usize, reply: &mut Reply<'_>) -> Option<usize> {
    // Clients need the list, if only an empty one.
    list_member(reply, "disk", index, guest.disk_of(file_system, index)).then(|| index.saturating_add(1))
}

/// Gives the free space of file systems back to their disks.
///
/// - `minimum` (optional): the smallest free extent that is given back, in bytes; default 0
///
/// Returns `paths`, a list: of each file system its `path`, and either how many bytes were `trimmed` and the `minimum`, or the
/// `error`.
fn trim<G: Trimming>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let minimum = arguments.optional("minimum")?.unwrap_or(0);
    arguments.finish()?;
    let invalid = Error::Number("value '", minimum, "' is invalid for argument minimum");
    let minimum = u64::try_from(minimum).map_err(|_| invalid)?;
    let step = request.step();
    let trimmed = guest.trim(step, minimum).map(|trimmed| trimmed.map(TrimResult::from));
    if step == 0 {
        reply.open(Kind::Object)?;
        reply.open_member("paths", Kind::Array)?;
    }
    reply.element(trimmed)
}

impl<'a> From<Trimmed<'a>> for TrimResult<'a> {
    fn from(Trimmed { path, outcome }: Trimmed<'a>) -> Self {
        Self {
            path,
            trimmed: outcome.ok().map(|trim| trim.trimmed),
            minimum: outcome.ok().map(|trim| trim.minimum),
            error: outcome.err().map(|Failure(text)| text),
        }
    }
}
