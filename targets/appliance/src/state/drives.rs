//! Drives with settings.

use config::Kind;
use config::drive::{self, Files};
use config::iso;
use machine::log;
use machine::log::Value;
use storage::{Cache, Error, Volume};

use super::disks::{MAX_DISKS, Storage};
use super::drive::{Drive, Format, Sectors};
use super::listener::Listener;
use super::virtio_disk::VirtioDisk;
use crate::settings::{Settings, Source};

impl Storage {
    /// Reads all drives with settings, by way of `room`.
    pub(super) fn read_drives(&mut self, room: &mut [u8], settings: &mut Settings) {
        self.look_for_units();
        for (kind, source) in [(Kind::ConfigDrive, Source::ConfigDrive), (Kind::NoCloud, Source::NoCloud)] {
            for index in 0..MAX_DISKS {
                if let Some(drive) = self.drive(index).filter(|drive| drive.kind == kind)
                    && let Err(error) = self.read_drive(index, drive, room, &mut Listener { settings, source })
                {
                    log!("{} is not taken: {}", Value::copied(&self.name_of(index)), error.reason());
                }
            }
        }
    }

    fn read_drive(
        &mut self,
        index: usize,
        Drive { kind, format }: Drive,
        room: &mut [u8],
        listener: &mut Listener<'_>,
    ) -> Result<(), Error> {
        log!("{} has settings: its label is {}", Value::copied(&self.name_of(index)), kind.label());
        match format {
            Format::Iso(volume) => {
                let disk = self.disks.get_mut(index).ok_or(Error::Io)?;
                drive::read(kind, &mut IsoFiles(volume, &mut disk.driver), room, listener);
            }
            Format::Fat((_, start, geometry)) => {
                let cache = self.cache(Cache::MAX_BYTES)?;
                let disk = self.disks.get_mut(index).ok_or(Error::Io)?;
                let mut files = FatFiles(Volume::new(cache, start, geometry), &mut disk.driver);
                let mounted = files.0.mount(files.1);
                if mounted.is_ok() {
                    drive::read(kind, &mut files, room, listener);
                }
                let FatFiles(volume, _) = files;
                self.keep_cache(volume.into_cache());
                mounted?;
            }
        }
        Ok(())
    }
}

struct IsoFiles<'d>(iso::Volume, &'d mut VirtioDisk);

impl Files for IsoFiles<'_> {
    fn read(&mut self, path: &str, into: &mut [u8]) -> Result<usize, &'static str> {
        self.0.read(&mut Sectors(self.1), path, into)
    }
}

struct FatFiles<'d>(Volume, &'d mut VirtioDisk);

impl Files for FatFiles<'_> {
    fn read(&mut self, path: &str, into: &mut [u8]) -> Result<usize, &'static str> {
        let Self(volume, disk) = self;
        let size = volume.open(*disk, path, None, false).map_err(Error::reason)?;
        let into = usize::try_from(size).ok().and_then(|size| into.get_mut(..size)).ok_or("it is too large")?;
        volume.read(*disk, path, 0, into, &mut None).map_err(Error::reason)
    }
}
