//! A disk of the appliance.

use core::fmt::Write;

use heapless::String;
use machine::room::Room;
use storage::{Error, Partition, Partitions, Place as VolumePlace, find_partitions, find_volume};
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::virtio_disk::{Serial, VirtioDisk};

/// What every device's name begins with.
pub(crate) const DEV: &str = "/dev/";
const LETTERS: usize = 26;

/// A device's name, with `/dev/`. There is room for `/dev/vdzz128`.
pub(crate) type Name = String<12>;

/// The kinds of disks that are named and numbered apart, as Linux does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Virtio,
    Scsi,
    Cd,
}

/// What a disk is called: its kind, and the number that it has among those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Title {
    pub(crate) kind: Kind,
    pub(crate) number: usize,
}

impl Title {
    /// The name of the disk or, with a partition's number, of that partition: as Linux names them.
    pub(crate) fn name(self, partition: Option<u8>) -> Name {
        let mut name = Name::new();
        let letter = |index: usize| char::from(b'a' + (index % LETTERS) as u8);
        _ = name.push_str(match self.kind {
            Kind::Virtio => "/dev/vd",
            Kind::Scsi => "/dev/sd",
            Kind::Cd => "/dev/sr",
        });
        match (self.kind, (self.number / LETTERS).checked_sub(1)) {
            (Kind::Cd, _) => _ = write!(name, "{}", self.number as u8),
            (_, None) => _ = name.push(letter(self.number)),
            (_, Some(first)) => _ = name.push(letter(first)).and_then(|()| name.push(letter(self.number))),
        }
        if let Some(number) = partition {
            _ = write!(name, "{number}");
        }
        name
    }
}

/// A disk as it was found.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) title: Title,
    pub(crate) driver: VirtioDisk,
    pub(crate) pci: Option<DeviceFunction>,
    /// `None` until a request needs it.
    serial: Option<Serial>,
    /// `None` until the disk could be read, and for a disk without partitions.
    partitions: Option<Option<Room<Partitions>>>,
}

impl Disk {
    pub(crate) const fn new(title: Title, driver: VirtioDisk, pci: Option<DeviceFunction>) -> Self {
        Self { title, driver, pci, serial: None, partitions: None }
    }

    /// The disk's serial number, if it was read and is not empty.
    pub(crate) fn serial(&self) -> Option<&str> {
        self.serial.as_deref().filter(|serial| !serial.is_empty())
    }

    /// Reads the disk's serial number, once.
    pub(crate) fn ask_serial(&mut self) {
        if self.serial.is_none() {
            self.serial = Some(self.driver.serial());
        }
    }

    /// Its partitions. The first call reads them.
    pub(crate) fn partitions(&mut self) -> Result<&[Partition], Error> {
        if self.partitions.is_none() {
            let found = find_partitions(&mut self.driver)?;
            // Most disks have none.
            self.partitions = Some(match found.is_empty() {
                true => None,
                false => Some(Room::new(found).ok_or(Error::NoMemory)?),
            });
        }
        Ok(self.known_partitions())
    }

    fn known_partitions(&self) -> &[Partition] {
        self.partitions.as_ref().and_then(Option::as_ref).map_or(&[], |partitions| partitions)
    }

    /// The number of the partition of an index, as in [`partitions`](Self::partitions).
    pub(crate) fn partition_number(&self, index: usize) -> Option<u8> {
        self.known_partitions().get(index).map(|partition| partition.number)
    }

    /// Where it has a FAT volume.
    pub(crate) fn find_volume(&mut self) -> Result<VolumePlace, Error> {
        self.partitions()?;
        let partitions = self.partitions.as_ref().and_then(Option::as_ref).map_or(&[][..], |partitions| partitions);
        find_volume(&mut self.driver, partitions)
    }
}
