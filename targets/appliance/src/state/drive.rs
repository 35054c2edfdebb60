//! Which disks are drives with settings.

use config::Kind;
use config::iso::{self, Blocks};
use storage::{Place as VolumePlace, SECTOR, block_with};

use super::disk::Disk;
use super::virtio_disk::VirtioDisk;

/// A drive with settings, and what its files are on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drive {
    pub(super) kind: Kind,
    pub(super) format: Format,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Iso(iso::Volume),
    Fat(VolumePlace),
}

impl Drive {
    /// The drive on a disk that can be read. `None` if it is another disk.
    pub(super) fn find(disk: &mut Disk) -> Option<Self> {
        if let Some(volume) = iso::Volume::find(&mut Sectors(&mut disk.driver)) {
            return Kind::of(&volume.label).map(|kind| Self { kind, format: Format::Iso(volume) });
        }
        let place = disk.find_volume().ok()?;
        Kind::of(&place.2.label).map(|kind| Self { kind, format: Format::Fat(place) })
    }
}

/// A disk in the blocks of ISO 9660.
pub(super) struct Sectors<'d>(pub(super) &'d mut VirtioDisk);

impl Blocks for Sectors<'_> {
    fn read(&mut self, block: u32, into: &mut [u8; iso::BLOCK]) -> bool {
        let sector = u64::from(block) * (iso::BLOCK / SECTOR) as u64;
        let read = block_with(self.0, sector).ok();
        let bytes = read.as_ref().and_then(|(bytes, offset)| bytes.get(*offset..)?.first_chunk());
        bytes.map(|bytes| *into = *bytes).is_some()
    }
}
