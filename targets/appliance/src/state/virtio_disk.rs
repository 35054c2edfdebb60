//! `machine`'s disks, as `storage` uses them.

use heapless::String;
use machine::heap::Kept;
use machine::log;
use machine::room::Shared;
use machine::transport::DeviceTransport;
use machine::virtio_blk::{self, Statistics, VirtioBlk};
use machine::virtio_scsi::{self, Refusal, Unit, VirtioScsi};
use storage::{BlockDevice, Error, SECTOR};

/// A controller of SCSI disks.
pub(crate) type Controller = VirtioScsi<Kept, DeviceTransport>;

/// A virtio disk: a device of its own, or a unit of a SCSI controller.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most disks are of the larger kind")]
pub(crate) enum VirtioDisk {
    Blk(VirtioBlk<Kept, DeviceTransport>),
    Scsi(Shared<Controller>, Unit),
}

/// A serial number, of the longest kind.
pub(crate) type Serial = String<{ virtio_scsi::SERIAL_BYTES }>;

const _: () = assert!(
    SECTOR == virtio_blk::SECTOR
        && storage::BLOCK <= virtio_blk::BLOCK
        && storage::MAX_TRANSFER <= virtio_blk::MAX_TRANSFER
);

const fn error(error: virtio_blk::Error) -> Error {
    match error {
        virtio_blk::Error::Io => Error::Io,
        virtio_blk::Error::Unsupported => Error::Unsupported,
    }
}

impl VirtioDisk {
    /// The counters.
    pub(crate) const fn statistics(&self) -> &Statistics {
        match self {
            Self::Blk(disk) => disk.statistics(),
            Self::Scsi(_, unit) => unit.statistics(),
        }
    }

    /// The serial number, which is empty if the disk does not tell it.
    pub(crate) fn serial(&mut self) -> Serial {
        let show = |told: &[u8]| {
            let told = told.split(|&byte| byte == 0).next().unwrap_or_default();
            let shown = told.trim_ascii().iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ');
            shown.map(|&byte| char::from(byte)).collect()
        };
        match self {
            Self::Blk(disk) => show(&disk.serial().unwrap_or_default()),
            Self::Scsi(controller, unit) => {
                let told = controller.try_borrow_mut().ok().and_then(|mut controller| controller.serial(unit).ok());
                told.map_or_else(Serial::new, |told| show(&told))
            }
        }
    }
}

/// Has a controller do something with a unit. A failure is logged.
fn with<R>(
    controller: &Shared<Controller>,
    unit: &mut Unit,
    work: impl FnOnce(&mut Controller, &mut Unit) -> Result<R, Refusal>,
) -> Result<R, Error> {
    let mut controller = controller.try_borrow_mut().map_err(|_| Error::Io)?;
    work(&mut controller, unit).map_err(|refusal| {
        let address = unit.address();
        log!("unit {} of SCSI target {}: {}", address.unit, address.target, refusal.reason());
        Error::Io
    })
}

impl BlockDevice for VirtioDisk {
    fn sectors(&self) -> u64 {
        match self {
            Self::Blk(disk) => disk.sectors(),
            Self::Scsi(_, unit) => unit.sectors(),
        }
    }

    fn logical_block(&self) -> usize {
        match self {
            Self::Blk(disk) => disk.logical_block(),
            Self::Scsi(_, unit) => unit.logical_block(),
        }
    }

    fn is_read_only(&self) -> bool {
        match self {
            Self::Blk(disk) => disk.is_read_only(),
            Self::Scsi(_, unit) => unit.is_read_only(),
        }
    }

    fn read(&mut self, sector: u64, bytes: &mut [u8]) -> Result<(), Error> {
        match self {
            Self::Blk(disk) => disk.read(sector, bytes).map_err(error),
            Self::Scsi(controller, unit) => with(controller, unit, |host, unit| host.read(unit, sector, bytes)),
        }
    }

    fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Blk(disk) => disk.write(sector, bytes).map_err(error),
            Self::Scsi(controller, unit) => with(controller, unit, |host, unit| host.write(unit, sector, bytes)),
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::Blk(disk) => disk.flush().map_err(error),
            Self::Scsi(controller, unit) => with(controller, unit, Controller::flush),
        }
    }

    fn discard(&mut self, sector: u64, count: u64) -> Result<u64, Error> {
        match self {
            Self::Blk(disk) => disk.discard(sector, count).map_err(error),
            Self::Scsi(controller, unit) => {
                with(controller, unit, |host, unit| host.discard(unit, sector, count))?.ok_or(Error::Unsupported)
            }
        }
    }
}
