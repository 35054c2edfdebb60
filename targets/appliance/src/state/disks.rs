//! The appliance's disks, and the volume that its files are on.

use core::fmt::Write;

use heapless::{String, Vec};
use machine::log::Value;
use machine::virtio_blk::{SERIAL_BYTES, VirtioBlk};
use machine::{Machine, heap, log, monotonic_ns};
use storage::{
    BLOCK, BlockDevice, Cache, Error, OpenFiles, Partitions, Place as VolumePlace, RamDisk, Volume, find_partitions,
    find_volume,
};
use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::virtio_disk::VirtioDisk;

const MAX_DISKS: usize = 8;
/// For how long written data may stay in the cache, in nanoseconds, if no request flushes it.
const WRITE_BACK_NS: u64 = 5_000_000_000;
/// The smallest and largest disk in memory, in bytes. Between these it takes a quarter of the free memory. Formatting touches all
/// of it, so the host must provide it, too.
const RAM_DISK: (usize, usize) = (64 << 10, 8 << 20);
/// The size of that disk's cache in bytes, which is not used.
const RAM_CACHE: usize = BLOCK;

/// What every device's name begins with.
pub(crate) const DEV: &str = "/dev/";

/// A device's name, with `/dev/`.
pub(crate) type Name = String<12>;

/// A disk as it was found.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) driver: VirtioDisk,
    pub(crate) pci: Option<DeviceFunction>,
    pub(crate) name: Name,
    /// `None` until a request needs it.
    serial: Option<String<SERIAL_BYTES>>,
    /// `None` until the disk could be read.
    partitions: Option<Partitions>,
    pub(crate) partition_names: Vec<Name, 8>,
}

/// The disk and partition that the volume is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Disk(usize, Option<usize>),
    Ram,
}

#[derive(Debug)]
struct Mounted {
    place: Place,
    volume: Volume,
}

/// Disks, volume and open files.
#[derive(Debug)]
pub struct Storage {
    pub(crate) disks: Vec<Disk, MAX_DISKS>,
    ram_disk: Option<RamDisk>,
    mounted: Option<Mounted>,
    /// The cache of a volume that could not be mounted, for the next try.
    cache: Option<Cache>,
    files: Option<OpenFiles>,
    frozen: bool,
    /// Since when, in monotonic nanoseconds, there is something to write.
    unwritten_since: Option<u64>,
}

/// The mounted volume, with all that is needed to use it.
pub(crate) struct Reached<'a> {
    pub(crate) place: Place,
    pub(crate) volume: &'a mut Volume,
    pub(crate) device: &'a mut dyn BlockDevice,
    pub(crate) files: &'a mut OpenFiles,
}

impl Disk {
    /// The disk's serial number, if it was read and is not empty.
    pub(crate) fn serial(&self) -> Option<&str> {
        self.serial.as_deref().filter(|serial| !serial.is_empty())
    }

    /// Its partitions.
    pub(crate) fn partitions(&mut self) -> Result<&Partitions, Error> {
        self.look()?;
        self.partitions.as_ref().ok_or(Error::Io)
    }

    /// Reads the partitions, once.
    fn look(&mut self) -> Result<(), Error> {
        if self.partitions.is_none() {
            let partitions = self.partitions.insert(find_partitions(&mut self.driver)?);
            self.partition_names = partitions.iter().map(|part| name(&self.name, part.number)).collect();
        }
        Ok(())
    }

    /// Where it has a FAT volume.
    fn find_volume(&mut self) -> Result<Option<VolumePlace>, Error> {
        self.look()?;
        find_volume(&mut self.driver, self.partitions.as_ref().map_or(&[], |partitions| partitions))
    }
}

fn name(disk: &str, partition: u8) -> Name {
    let mut name = Name::new();
    // There is room for `/dev/vda128`.
    _ = write!(name, "{disk}{partition}");
    name
}

impl Storage {
    /// Finds the disks. Their contents are read when a request needs them.
    pub(crate) fn find(machine: &Machine) -> Self {
        let mut disks = Vec::new();
        machine.devices(DeviceType::Block, |device| {
            if disks.is_full() {
                return log!("more than {} disks", MAX_DISKS);
            }
            match VirtioBlk::new(device.transport, monotonic_ns) {
                Ok(driver) => {
                    let driver = VirtioDisk(driver);
                    let mut name = Name::try_from("/dev/vd").unwrap_or_default();
                    // There is room, for the disk as well.
                    _ = name.push(char::from(b'a' + disks.len() as u8));
                    let pci = device.pci;
                    let names = Vec::new();
                    _ = disks.push(Disk { driver, pci, name, serial: None, partitions: None, partition_names: names });
                }
                Err(error) => log!("virtio disk: {}", error.reason()),
            }
        });
        Self { disks, ram_disk: None, mounted: None, cache: None, files: None, frozen: false, unwritten_since: None }
    }

    /// Reads a disk's serial number, once.
    pub(crate) fn ask_serial(&mut self, disk: usize) {
        let Some(disk) = self.disks.get_mut(disk).filter(|disk| disk.serial.is_none()) else { return };
        let told = disk.driver.0.serial().unwrap_or_default();
        let told = told.split(|&byte| byte == 0).next().unwrap_or_default();
        let shown = told.trim_ascii().iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ');
        disk.serial = Some(shown.map(|&byte| char::from(byte)).collect());
    }

    pub(crate) const fn files(&self) -> Option<&OpenFiles> {
        self.files.as_ref()
    }

    /// Writes the cache back if its data is old enough.
    pub(crate) fn write_back(&mut self) {
        match self.write_back_in() {
            None => self.unwritten_since = None,
            Some(0) => {
                self.sync();
                self.unwritten_since = None;
            }
            Some(_) => {}
        }
    }

    /// Writes the cache back and flushes the disk. A failure is logged.
    fn sync(&mut self) {
        if self.mounted.is_some()
            && let Err(error) = self.reach().and_then(|Reached { volume, device, .. }| volume.sync(device))
        {
            log!("what was written may be lost: {}", error.reason());
        }
    }

    /// In how many nanoseconds the cache must be written back. `None`: it has nothing to write.
    pub(crate) fn write_back_in(&mut self) -> Option<u64> {
        if !self.mounted.as_ref()?.volume.has_unwritten() {
            return None;
        }
        let now = monotonic_ns()?;
        let since = *self.unwritten_since.get_or_insert(now);
        Some((since + WRITE_BACK_NS).saturating_sub(now))
    }

    pub(crate) fn acknowledge_interrupts(&mut self) {
        for disk in &mut self.disks {
            disk.driver.0.acknowledge_interrupt();
        }
    }

    /// The volume. The first call mounts it.
    pub(crate) fn reach(&mut self) -> Result<Reached<'_>, Error> {
        if self.files.is_none() {
            self.files = Some(OpenFiles::new());
        }
        if self.mounted.is_none() {
            self.mount()?;
        }
        let (Some(mounted), Some(files)) = (&mut self.mounted, &mut self.files) else { return Err(Error::Io) };
        let device = device(&mut self.disks, &mut self.ram_disk, mounted.place)?;
        Ok(Reached { place: mounted.place, volume: &mut mounted.volume, device, files })
    }

    /// Mounts the disks' first FAT volume or, if there is none, one in memory.
    fn mount(&mut self) -> Result<(), Error> {
        let mut unread = Ok(());
        for index in 0..self.disks.len() {
            match self.disks[index].find_volume() {
                Ok(Some((partition, start, geometry))) => {
                    let cache = self.cache(Cache::MAX_BYTES)?;
                    let place = Place::Disk(index, partition);
                    return self.mount_at(place, Volume::new(cache, start, geometry));
                }
                Ok(None) => {}
                Err(error) => unread = Err(error),
            }
        }
        // A disk that cannot be read may have a volume, which the one in memory would hide.
        unread?;
        if self.ram_disk.is_none() {
            let (least, most) = RAM_DISK;
            let memory = heap::bytes((heap::free() / 4).clamp(least, most)).ok_or(Error::NoMemory)?;
            self.ram_disk = Some(RamDisk::formatted(memory)?);
        }
        let cache = self.cache(RAM_CACHE)?;
        let Some(disk) = &mut self.ram_disk else { return Err(Error::Io) };
        let (_, start, geometry) = find_volume(disk, &[])?.ok_or(Error::Io)?;
        self.mount_at(Place::Ram, Volume::new(cache, start, geometry))
    }

    /// The cache of an earlier try, or a new one in as much memory as there is.
    fn cache(&mut self, bytes: usize) -> Result<Cache, Error> {
        self.cache.take().or_else(|| largest(bytes).map(Cache::new)).ok_or(Error::NoMemory)
    }

    fn mount_at(&mut self, place: Place, mut volume: Volume) -> Result<(), Error> {
        let device = device(&mut self.disks, &mut self.ram_disk, place);
        match device.and_then(|device| volume.mount(device)) {
            Ok(()) => self.mounted = Some(Mounted { place, volume }),
            Err(error) => {
                self.cache = Some(volume.into_cache());
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes everything to the volume and marks it as clean. Returns whether there is a volume on a disk.
    pub(crate) fn freeze(&mut self) -> Result<bool, Error> {
        if !self.frozen {
            // There is nothing to write without a volume, nor for one in memory.
            let Ok(Reached { place: Place::Disk(..), volume, device, .. }) = self.reach() else { return Ok(false) };
            volume.rest(device)?;
            self.frozen = true;
        }
        Ok(true)
    }

    /// Allows writes again. Returns whether they were frozen.
    pub(crate) const fn thaw(&mut self) -> bool {
        core::mem::replace(&mut self.frozen, false)
    }

    /// Writes the cache back, and stops the disks before the machine sleeps.
    pub(crate) fn suspend(&mut self) {
        self.sync();
        self.disks.iter_mut().for_each(|disk| disk.driver.0.stop());
    }

    /// Sets the disks up again.
    pub(crate) fn resume(&mut self) {
        for disk in &mut self.disks {
            if let Err(error) = disk.driver.0.restart() {
                log!("{}: {}", Value::copied(&disk.name), error.reason());
            }
        }
    }

    /// Writes the cache back for the last time. A frozen volume must not change, and has nothing to write.
    pub(crate) fn unmount(&mut self) {
        if self.mounted.is_none() || self.frozen {
            return;
        }
        let unmounted = self.reach().and_then(|Reached { volume, device, .. }| volume.rest(device));
        if let Err(error) = unmounted {
            log!("the volume was not unmounted: {}", error.reason());
        }
    }
}

/// The device at a place.
fn device<'a>(
    disks: &'a mut [Disk],
    ram_disk: &'a mut Option<RamDisk>,
    place: Place,
) -> Result<&'a mut dyn BlockDevice, Error> {
    let device: Option<&mut dyn BlockDevice> = match place {
        Place::Disk(disk, _) => disks.get_mut(disk).map(|disk| &mut disk.driver as _),
        Place::Ram => ram_disk.as_mut().map(|disk| disk as _),
    };
    device.ok_or(Error::Io)
}

/// Allocates so many bytes or, if there are too few, a half, a quarter or an eighth of that.
fn largest(bytes: usize) -> Option<&'static mut [u8]> {
    [bytes, bytes / 2, bytes / 4, bytes / 8].into_iter().find_map(heap::bytes)
}
