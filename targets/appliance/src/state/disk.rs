//! A disk of the appliance.

use core::fmt::Write;

use heapless::String;
use machine::room::Room;
use machine::virtio_blk::SERIAL_BYTES;
use storage::{Error, Partition, Partitions, Place as VolumePlace, find_partitions, find_volume};
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::virtio_disk::VirtioDisk;

/// What every device's name begins with.
pub(crate) const DEV: &str = "/dev/";
const LETTERS: usize = 26;

/// A device's name, with `/dev/`. There is room for `/dev/vdzz128`.
pub(crate) type Name = String<12>;

/// The name of the disk of this index or, with a partition's number, of that partition: as Linux names them.
pub(crate) fn name(disk: usize, partition: Option<u8>) -> Name {
    let mut name = Name::new();
    let letter = |index: usize| char::from(b'a' + (index % LETTERS) as u8);
    _ = name.push_str("/dev/vd");
    if let Some(first) = (disk / LETTERS).checked_sub(1) {
        _ = name.push(letter(first));
    }
    _ = name.push(letter(disk));
    if let Some(number) = partition {
        _ = write!(name, "{number}");
    }
    name
}

/// A disk as it was found.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) driver: VirtioDisk,
    pub(crate) pci: Option<DeviceFunction>,
    /// `None` until a request needs it.
    serial: Option<String<SERIAL_BYTES>>,
    /// `None` until the disk could be read, and for a disk without partitions.
    partitions: Option<Option<Room<Partitions>>>,
}

impl Disk {
    pub(crate) const fn new(driver: VirtioDisk, pci: Option<DeviceFunction>) -> Self {
        Self { driver, pci, serial: None, partitions: None }
    }

    /// The disk's serial number, if it was read and is not empty.
    pub(crate) fn serial(&self) -> Option<&str> {
        self.serial.as_deref().filter(|serial| !serial.is_empty())
    }

    /// Reads the disk's serial number, once.
    pub(crate) fn ask_serial(&mut self) {
        if self.serial.is_none() {
            let told = self.driver.0.serial().unwrap_or_default();
            let told = told.split(|&byte| byte == 0).next().unwrap_or_default();
            let shown = told.trim_ascii().iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ');
            self.serial = Some(shown.map(|&byte| char::from(byte)).collect());
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
