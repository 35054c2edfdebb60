//! Answers about the appliance's disks.

use machine::virtio_blk::Done;
use nanoqga::Failure;
use nanoqga::commands::disk::{
    BusType, Disk, DiskAddress, DiskCounters, DiskStatistics, Disks, DisksStatistics, PciAddress,
};

use crate::guest::Guest;
use crate::state::Appliance;
use crate::state::VirtioDisk;
use crate::state::disk::{DEV, Kind, Title};
use crate::state::disks::{Place, Storage};

const NS_PER_MS: u64 = 1_000_000;

/// Linux's numbers of a disk. Those of virtio disks are its first for drivers without a fixed one.
const fn device_number(Title { kind, number }: Title) -> (u64, u64) {
    match kind {
        Kind::Virtio => (254, 16 * number as u64),
        Kind::Scsi => (8, 16 * number as u64),
        Kind::Cd => (11, number as u64),
    }
}

impl Storage {
    /// The `index`-th of all disks and partitions. A disk's partitions follow it.
    fn nth(&mut self, mut index: usize) -> Option<Place> {
        self.look_for_units();
        for (number, disk) in self.disks.iter_mut() {
            // A disk that cannot be read is listed without partitions.
            let partitions = disk.partitions().map_or(0, |partitions| partitions.len());
            match index {
                0 => return Some(Place::Disk(number, None)),
                index if index <= partitions => return Some(Place::Disk(number, Some(index - 1))),
                _ => index -= 1 + partitions,
            }
        }
        None
    }

    /// Looks up the name of a disk or partition, which [`name`](Self::name) is then, and the disk's serial number.
    pub(crate) fn identify(&mut self, place: Place) -> Option<()> {
        let Place::Disk(index, partition) = place else { return None };
        let disk = self.disks.get_mut(index)?;
        disk.ask_serial();
        let number = match partition {
            None => None,
            Some(partition) => Some(disk.partition_number(partition)?),
        };
        self.name = disk.title.name(number);
        Some(())
    }

    /// The name of the disk or partition that was identified last, without `/dev/`.
    pub(crate) fn short_name(&self) -> &str {
        self.name.get(DEV.len()..).unwrap_or_default()
    }

    /// The place in the machine of a disk, or of a partition's disk, which was identified last.
    pub(crate) fn address(&self, place: Place) -> Option<DiskAddress<'_>> {
        let Place::Disk(index, _) = place else { return None };
        let disk = self.disks.get(index)?;
        let pci_controller = disk.pci.map_or_else(PciAddress::default, |at| PciAddress {
            domain: 0,
            bus: at.bus,
            slot: at.device,
            function: at.function,
        });
        let (serial, dev) = (disk.serial(), Some(self.name.as_str()));
        let (bus_type, target, unit) = match &disk.driver {
            VirtioDisk::Blk(_) => (BusType::Virtio, 0, 0),
            VirtioDisk::Scsi(_, unit) => (BusType::Scsi, unit.address().target.into(), unit.address().unit.into()),
        };
        Some(DiskAddress { pci_controller, bus_type, target, unit, serial, dev, ..DiskAddress::default() })
    }
}

impl Disks for Guest<Appliance> {
    fn disk(&mut self, index: usize) -> Result<Option<Disk<'_>>, Failure> {
        let storage = &mut self.state.storage;
        let Some(place @ Place::Disk(_, partition)) = storage.nth(index) else { return Ok(None) };
        let identified = storage.identify(place);
        Ok(identified.map(|()| Disk { name: &storage.name, partition: partition.is_some(), alias: None }))
    }

    fn address(&mut self, disk: usize) -> Option<DiskAddress<'_>> {
        let storage = &mut self.state.storage;
        // A partition has that of its disk.
        storage.nth(disk).filter(|place| matches!(place, Place::Disk(_, None))).and_then(|place| storage.address(place))
    }

    fn dependency(&mut self, disk: usize, index: usize) -> Option<&str> {
        let storage = &mut self.state.storage;
        match (storage.nth(disk)?, index) {
            (Place::Disk(disk, Some(_)), 0) => {
                storage.identify(Place::Disk(disk, None))?;
                Some(&storage.name)
            }
            _ => None,
        }
    }
}

impl DisksStatistics for Guest<Appliance> {
    fn disk_statistics(&mut self, index: usize) -> Result<Option<DiskStatistics<'_>>, Failure> {
        let storage = &mut self.state.storage;
        storage.look_for_units();
        let Some((_, disk)) = storage.disks.iter_mut().nth(index) else { return Ok(None) };
        storage.name = disk.title.name(None);
        let (major, minor) = device_number(disk.title);
        let done = *disk.driver.statistics();
        let ms = |done: &Done| Some(done.ns / NS_PER_MS);
        let all = done.reads.ns + done.writes.ns + done.flushes.ns + done.discards.ns;
        Ok(Some(DiskStatistics {
            name: storage.short_name(),
            major,
            minor,
            stats: DiskCounters {
                read_sectors: Some(done.reads.sectors),
                read_ios: Some(done.reads.requests),
                read_merges: Some(0),
                write_sectors: Some(done.writes.sectors),
                write_ios: Some(done.writes.requests),
                write_merges: Some(0),
                discard_sectors: Some(done.discards.sectors),
                discard_ios: Some(done.discards.requests),
                discard_merges: Some(0),
                flush_ios: Some(done.flushes.requests),
                read_ticks: ms(&done.reads),
                write_ticks: ms(&done.writes),
                discard_ticks: ms(&done.discards),
                flush_ticks: ms(&done.flushes),
                // There is one request at a time, and none during this command.
                ios_pgr: Some(0),
                total_ticks: Some(all / NS_PER_MS),
                weight_ticks: Some(all / NS_PER_MS),
            },
        }))
    }
}
