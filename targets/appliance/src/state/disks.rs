//! The appliance's disks, and the volume that its files are on.

use heapless::Vec;
use machine::log::Value;
use machine::transport::Device;
use machine::virtio_blk::{Unusable, VirtioBlk};
use machine::{Machine, heap, log, monotonic_ns, nap};
use storage::{BLOCK, BlockDevice, Cache, Error, OpenFiles, RamDisk, Volume, find_volume};
use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::controllers::{MAX_CONTROLLERS, Scsi};
use super::disk::{Disk, Kind, Name, Title};
use super::drive::Drive;
use super::numbered::Numbered;
use super::virtio_disk::VirtioDisk;

pub(super) const MAX_DISKS: usize = 32;
/// For how long written data may stay in the cache, in nanoseconds, if no request flushes it.
const WRITE_BACK_NS: u64 = 5_000_000_000;
/// The smallest and largest disk in memory, in bytes. Between these it takes a quarter of the free memory. Formatting touches all
/// of it, so the host must provide it, too.
const RAM_DISK: (usize, usize) = (64 << 10, 8 << 20);
/// The size of that disk's cache in bytes, which is not used.
const RAM_CACHE: usize = BLOCK;

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
    pub(crate) disks: Numbered<Disk, MAX_DISKS>,
    pub(super) controllers: Vec<Scsi, MAX_CONTROLLERS>,
    /// Which disks are drives with settings, as far as they were looked at.
    drives: Vec<Option<Drive>, MAX_DISKS>,
    /// Why a disk is not among them, if there is or was such a disk.
    pub(super) unusable: Option<&'static str>,
    /// The name that a host is told.
    pub(crate) name: Name,
    /// Why there is no volume. `None` if there is one, or no request has needed it.
    pub(crate) complaint: Option<Complaint>,
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

/// Why there is no volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// The disk that should have one. `None` if its driver cannot use it, so that it has no name.
    disk: Option<Title>,
    pub(crate) reason: &'static str,
}

impl Complaint {
    /// What a host calls the disk.
    pub(crate) fn name(&self) -> Name {
        self.disk.map_or_else(|| "virtio disk".try_into().unwrap_or_default(), |disk| disk.name(None))
    }
}

impl Storage {
    /// Finds the disks. Their contents are read when a request needs them.
    pub(crate) fn find(machine: &Machine) -> Self {
        let mut storage = Self {
            disks: Numbered::new(),
            controllers: Vec::new(),
            drives: Vec::new(),
            unusable: None,
            name: Name::new(),
            complaint: None,
            ram_disk: None,
            mounted: None,
            cache: None,
            files: None,
            frozen: false,
            unwritten_since: None,
        };
        machine.devices(DeviceType::Block, &mut |device| storage.add(device));
        machine.devices(DeviceType::ScsiHost, &mut |device| storage.add_controller(device));
        storage
    }

    /// Adds a disk that is a device of its own.
    // Kept whole: the images are smaller so.
    #[inline(never)]
    pub(crate) fn add(&mut self, device: Device) {
        match VirtioBlk::new(device.transport, monotonic_ns, nap) {
            Ok(driver) => _ = self.add_disk(Kind::Virtio, VirtioDisk::Blk(driver), device.pci),
            Err(error) => {
                log!("virtio disk: {}", error.reason());
                self.unusable = Some(error.reason());
            }
        }
    }

    /// Adds a disk. From now on no files are kept in memory. Returns whether there was room.
    pub(super) fn add_disk(&mut self, kind: Kind, driver: VirtioDisk, pci: Option<DeviceFunction>) -> bool {
        let mut title = Title { kind, number: 0 };
        while self.disks.iter_mut().any(|(_, disk)| disk.title == title) {
            title.number += 1;
        }
        let is_added = self.disks.add(Disk::new(title, driver, pci)).is_some();
        if !is_added {
            let reason = Unusable::NoMemory.reason();
            log!("{}: {}, or there are more than {} disks", Value::copied(&title.name(None)), reason, MAX_DISKS);
            self.unusable = Some(reason);
        }
        self.drives.clear();
        if kind != Kind::Cd && self.is_mounted(|place| place == Place::Ram) {
            log!("the files in memory are gone: there is a disk");
            self.forget_volume();
        }
        is_added
    }

    /// Drops the disks and controllers that `keep` does not keep. Files on them are closed.
    pub(crate) fn retain(&mut self, keep: &dyn Fn(DeviceFunction) -> bool) {
        self.retain_disks(&|disk| disk.pci.is_none_or(keep));
        self.retain_controllers(keep);
    }

    /// Drops the disks that `keep` does not keep. Files on them are closed.
    pub(super) fn retain_disks(&mut self, keep: &dyn Fn(&Disk) -> bool) {
        self.disks.retain(|_, disk| {
            let is_kept = keep(disk);
            if !is_kept {
                log!("{} was removed", Value::copied(&disk.title.name(None)));
            }
            is_kept
        });
        self.drives.clear();
        let Self { disks, mounted, .. } = self;
        let is_gone = |place| matches!(place, Place::Disk(disk, _) if disks.get(disk).is_none());
        if mounted.as_ref().is_some_and(|mounted| is_gone(mounted.place)) {
            self.forget_volume();
            // Files that a host writes next must not be kept in memory.
            self.unusable.get_or_insert("it was removed");
        }
    }

    /// The name of a disk.
    pub(super) fn name_of(&self, index: usize) -> Name {
        self.disks.get(index).map_or_else(Name::new, |disk| disk.title.name(None))
    }

    fn is_mounted(&self, at: impl Fn(Place) -> bool) -> bool {
        self.mounted.as_ref().is_some_and(|mounted| at(mounted.place))
    }

    /// Forgets the volume and its open files.
    fn forget_volume(&mut self) {
        self.cache = self.mounted.take().map(|mounted| mounted.volume.into_cache());
        self.files.iter_mut().for_each(OpenFiles::close_all);
        (self.frozen, self.unwritten_since) = (false, None);
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
        for (_, disk) in self.disks.iter_mut() {
            if let VirtioDisk::Blk(disk) = &mut disk.driver {
                disk.acknowledge_interrupt();
            }
        }
        self.acknowledge_controllers();
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

    /// Mounts the first FAT volume that can be used. On a machine without disks, or with none but those that firmware boots from,
    /// mounts one in memory.
    fn mount(&mut self) -> Result<(), Error> {
        self.look_for_units();
        let mut failure = None;
        for index in 0..MAX_DISKS {
            let Some(title) = self.disks.get(index).map(|disk| disk.title) else { continue };
            match (self.mount_disk(index), failure) {
                (Ok(()), _) => {
                    self.complaint = None;
                    return Ok(());
                }
                (Err(Error::FirmwareOnly), _) => {}
                // That a disk is damaged says more than that another one is empty.
                (Err(error), None) => failure = Some((title, error)),
                (Err(error), Some((_, Error::NoVolume))) if error != Error::NoVolume => failure = Some((title, error)),
                (Err(_), Some(_)) => {}
            }
        }
        let complaint = match (failure, self.unusable) {
            (Some((title, error)), _) => Complaint { disk: Some(title), reason: error.reason() },
            (None, Some(unusable)) => Complaint { disk: None, reason: unusable },
            (None, None) => return self.mount_ram_disk(),
        };
        // It was logged already that a disk's driver cannot use it.
        if self.complaint.replace(complaint) != Some(complaint) && complaint.disk.is_some() {
            log!("no volume for files: {}: {}", Value::copied(&complaint.name()), complaint.reason);
        }
        Err(failure.map_or(Error::NoVolume, |(_, error)| error))
    }

    /// The drive with settings that a disk is, if it is one. The first call looks at it.
    pub(super) fn drive(&mut self, index: usize) -> Option<Drive> {
        while self.drives.len() <= index {
            let drive = self.disks.get_mut(self.drives.len()).and_then(Drive::find);
            self.drives.push(drive).ok()?;
        }
        *self.drives.get(index)?
    }

    /// Mounts the first FAT volume of a disk. A drive with settings and a CD are not for files, like one to boot from.
    fn mount_disk(&mut self, index: usize) -> Result<(), Error> {
        let has_settings = self.drive(index).is_some();
        let title = self.disks.get(index).ok_or(Error::Io)?.title;
        if has_settings || title.kind == Kind::Cd {
            let reason = if has_settings { "it has settings" } else { "it is a CD" };
            log!("{} is not for files: {}", Value::copied(&title.name(None)), reason);
            return Err(Error::FirmwareOnly);
        }
        let disk = self.disks.get_mut(index).ok_or(Error::Io)?;
        let (partition, start, geometry) = disk.find_volume()?;
        let cache = self.cache(Cache::MAX_BYTES)?;
        self.mount_at(Place::Disk(index, partition), Volume::new(cache, start, geometry))
    }

    fn mount_ram_disk(&mut self) -> Result<(), Error> {
        if self.ram_disk.is_none() {
            let (least, most) = RAM_DISK;
            let memory = heap::bytes((heap::free() / 4).clamp(least, most)).ok_or(Error::NoMemory)?;
            self.ram_disk = Some(RamDisk::formatted(memory)?);
        }
        let cache = self.cache(RAM_CACHE)?;
        let Some(disk) = &mut self.ram_disk else { return Err(Error::Io) };
        let (_, start, geometry) = find_volume(disk, &[])?;
        self.mount_at(Place::Ram, Volume::new(cache, start, geometry))
    }

    /// The cache of an earlier try, or a new one in as much memory as there is.
    pub(super) fn cache(&mut self, bytes: usize) -> Result<Cache, Error> {
        self.cache.take().or_else(|| largest(bytes).map(Cache::new)).ok_or(Error::NoMemory)
    }

    /// Keeps the cache of a volume that is not used any more for the next one.
    pub(super) fn keep_cache(&mut self, cache: Cache) {
        self.cache = Some(cache);
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
        for (_, disk) in self.disks.iter_mut() {
            if let VirtioDisk::Blk(disk) = &mut disk.driver {
                disk.stop();
            }
        }
        self.suspend_controllers();
    }

    /// Sets the disks up again.
    pub(crate) fn resume(&mut self) {
        for (_, disk) in self.disks.iter_mut() {
            if let VirtioDisk::Blk(driver) = &mut disk.driver
                && let Err(error) = driver.restart()
            {
                log!("{}: {}", Value::copied(&disk.title.name(None)), error.reason());
            }
        }
        self.resume_controllers();
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
    disks: &'a mut Numbered<Disk, MAX_DISKS>,
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
