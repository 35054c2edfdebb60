//! Commands on files, and on the volume that they are on.

use core::fmt::Write;

use embedded_io::SeekFrom;
use nanoqga::Failure;
use nanoqga::commands::disk::DiskAddress;
use nanoqga::commands::file::{self, Files};
use nanoqga::commands::filesystem::{FileSystem, FileSystems, Trim, Trimmed, Trimming};
use nanoqga::commands::fsfreeze::Freeze;
use nanoqga::{Cause, List, Text};
use storage::{Access, Error, OpenMode};

use crate::guest::Guest;
use crate::state::Appliance;
use crate::state::disks::{Place, Reached};

const NS_PER_S: i64 = 1_000_000_000;
/// Where the volume is mounted.
const ROOT: &str = "/";
/// The name of the volume in memory.
const RAM: &str = "ram";

/// The error's text for a client.
const fn failure(error: Error) -> Failure {
    Failure(error.reason())
}

impl Guest<Appliance> {
    /// The time of a file's change, in seconds since 1970.
    fn now(&mut self) -> i64 {
        self.machine.clock().wall_ns().unwrap_or(0) / NS_PER_S
    }

    fn reach(&mut self) -> Result<Reached<'_>, Failure> {
        self.state.storage.reach().map_err(failure)
    }
}

/// How `storage` opens a file of this mode.
const fn opened_so(file::OpenMode { access, update }: file::OpenMode) -> OpenMode {
    let access = match access {
        file::Access::Read => Access::Read,
        file::Access::Write => Access::Write,
        file::Access::Append => Access::Append,
    };
    OpenMode { access, update }
}

impl Files for Guest<Appliance> {
    fn open(&mut self, path: Text<'_>, mode: file::OpenMode, cause: &mut Cause) -> Result<i64, Failure> {
        let now = self.now();
        let is_reached = self.reach().is_ok();
        if let Some(complaint) = self.state.storage.complaint.filter(|_| !is_reached) {
            _ = write!(cause, "{}: {}", complaint.name(), complaint.reason);
            return Err(Failure(""));
        }
        let Reached { volume, device, files, .. } = self.reach()?;
        files.open(volume, device, path.chars(), opened_so(mode), now).map_err(failure)
    }

    fn is_open(&mut self, handle: i64) -> bool {
        self.state.storage.files().is_some_and(|files| files.is_open(handle))
    }

    fn close(&mut self, handle: i64) -> Result<(), Failure> {
        let Reached { volume, device, files, .. } = self.reach()?;
        files.close(volume, device, handle).map_err(failure)
    }

    fn read(&mut self, handle: i64, into: &mut [u8]) -> Result<usize, Failure> {
        let Reached { volume, device, files, .. } = self.reach()?;
        files.read(volume, device, handle, into).map_err(failure)
    }

    fn write(&mut self, handle: i64, bytes: &[u8]) -> Result<usize, Failure> {
        let now = self.now();
        let Reached { volume, device, files, .. } = self.reach()?;
        files.write(volume, device, handle, bytes, now).map_err(failure)
    }

    fn seek(&mut self, handle: i64, to: SeekFrom) -> Result<u64, Failure> {
        let Reached { volume, device, files, .. } = self.reach()?;
        files.seek(volume, device, handle, to).map_err(failure)
    }

    fn flush(&mut self, handle: i64) -> Result<(), Failure> {
        let Reached { volume, device, files, .. } = self.reach()?;
        files.flush(volume, device, handle).map_err(failure)
    }
}

/// There is one, or none if no volume can be mounted.
impl FileSystems for Guest<Appliance> {
    fn file_system(&mut self, index: usize) -> Result<Option<FileSystem<'_>>, Failure> {
        let storage = &mut self.state.storage;
        let (0, Ok(Reached { place, volume, device, .. })) = (index, storage.reach()) else { return Ok(None) };
        let space = volume.space(device).map_err(failure)?;
        let is_on_disk = storage.identify(place).is_some();
        Ok(Some(FileSystem {
            name: if is_on_disk { storage.short_name() } else { RAM },
            mountpoint: ROOT,
            kind: "vfat",
            used_bytes: Some(space.total - space.free.min(space.total)),
            total_bytes: Some(space.total),
            total_bytes_privileged: Some(space.total),
        }))
    }

    fn disk_of(&mut self, _: usize, index: usize) -> Option<DiskAddress<'_>> {
        let storage = &mut self.state.storage;
        let place = storage.reach().ok()?.place;
        storage.identify(place)?;
        if index == 0 { storage.address(place) } else { None }
    }
}

/// A volume in memory cannot be trimmed, like Linux's file systems in memory.
impl Trimming for Guest<Appliance> {
    fn trim(&mut self, index: usize, minimum: u64) -> Result<Option<Trimmed<'_>>, Failure> {
        let (0, Ok(Reached { place: Place::Disk(..), volume, device, .. })) = (index, self.state.storage.reach())
        else {
            return Ok(None);
        };
        let outcome = volume.trim(device, minimum).map(|trimmed| Trim { trimmed, minimum }).map_err(failure);
        Ok(Some(Trimmed { path: ROOT, outcome }))
    }
}

impl Freeze for Guest<Appliance> {
    fn freeze(&mut self, mountpoints: Option<List<'_, Text<'_>>>, _: &mut Cause) -> Result<usize, Failure> {
        let meant = mountpoints.is_none_or(|mountpoints| mountpoints.iter().any(|path| path == *ROOT));
        Ok((meant && self.state.storage.freeze().map_err(failure)?).into())
    }

    fn thaw(&mut self, _: &mut Cause) -> Result<usize, Failure> {
        Ok(self.state.storage.thaw().into())
    }
}
