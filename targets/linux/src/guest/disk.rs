//! `disk`: disks, partitions, and their counters.

use alloc::string::String;

use nanoqga::Failure;
use nanoqga::commands::disk::{Disk, DiskAddress, DiskStatistics, Disks, DisksStatistics, NvmeSmart};

use super::Guest;
use crate::system::block::Place;
use crate::system::disks;

impl Disks for Guest {
    fn disk(&mut self, index: usize) -> Result<Option<Disk<'_>>, Failure> {
        let disk = self.lists.disks.element(index, disks::all)?;
        Ok(disk.map(|disk| Disk { name: &disk.name, partition: disk.partition, alias: disk.alias.as_deref() }))
    }

    fn address(&mut self, disk: usize) -> Option<DiskAddress<'_>> {
        self.lists.disks.again(disk)?.place.as_ref().map(Place::address)
    }

    fn dependency(&mut self, disk: usize, index: usize) -> Option<&str> {
        self.lists.disks.again(disk)?.dependencies.get(index).map(String::as_str)
    }

    fn smart(&mut self, disk: usize) -> Option<NvmeSmart> {
        self.lists.disks.again(disk)?.smart
    }
}

impl DisksStatistics for Guest {
    fn disk_statistics(&mut self, index: usize) -> Result<Option<DiskStatistics<'_>>, Failure> {
        let found = self.lists.disk_statistics.element(index, disks::all_statistics)?;
        Ok(found.map(|(name, statistics)| DiskStatistics { name, ..*statistics }))
    }
}
