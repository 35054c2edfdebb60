//! `filesystem`: mounted file systems, their disks, and giving their free space back.

use nanoqga::Failure;
use nanoqga::commands::disk::DiskAddress;
use nanoqga::commands::filesystem::{FileSystem, FileSystems, Trimmed, Trimming};

use super::Guest;
use crate::log::audit;
use crate::system::block::Place;
use crate::system::file_systems::{list, trim};

impl FileSystems for Guest {
    fn file_system(&mut self, index: usize) -> Result<Option<FileSystem<'_>>, Failure> {
        let Some(found) = self.file_systems.element(index)? else { return Ok(None) };
        let space = found.space();
        Ok(Some(FileSystem {
            name: &found.name,
            mountpoint: &found.mountpoint,
            kind: &found.kind,
            used_bytes: space.map(|[used, _, _]| used),
            total_bytes: space.map(|[_, total, _]| total),
            total_bytes_privileged: space.map(|[_, _, all]| all),
        }))
    }

    fn disk_of(&mut self, file_system: usize, index: usize) -> Option<DiskAddress<'_>> {
        self.file_systems.again(file_system)?.disks.get(index).map(Place::address)
    }
}

impl Trimming for Guest {
    fn trim(&mut self, index: usize, minimum: u64) -> Result<Option<Trimmed<'_>>, Failure> {
        let gather = || {
            audit("guest-fstrim", &format_args!("extents of {minimum} bytes and more"));
            Ok(list()?.into_iter().rev().map(|found| (found.name(), found)).collect())
        };
        let found = self.lists.trimmed.element(index, gather)?;
        Ok(found.map(|(path, found)| Trimmed { path, outcome: trim(found, minimum) }))
    }
}
