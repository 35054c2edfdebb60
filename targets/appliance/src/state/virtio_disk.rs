//! `machine`'s disks, as `storage` uses them.

use machine::heap::Kept;
use machine::transport::DeviceTransport;
use machine::virtio_blk::{self, VirtioBlk};
use storage::{BlockDevice, Error, SECTOR};

/// A virtio disk.
#[derive(Debug)]
pub(crate) struct VirtioDisk(pub(crate) VirtioBlk<Kept, DeviceTransport>);

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

impl BlockDevice for VirtioDisk {
    fn sectors(&self) -> u64 {
        self.0.sectors()
    }

    fn logical_block(&self) -> usize {
        self.0.logical_block()
    }

    fn is_read_only(&self) -> bool {
        self.0.is_read_only()
    }

    fn read(&mut self, sector: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.read(sector, bytes).map_err(error)
    }

    fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error> {
        self.0.write(sector, bytes).map_err(error)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.0.flush().map_err(error)
    }

    fn discard(&mut self, sector: u64, count: u64) -> Result<u64, Error> {
        self.0.discard(sector, count).map_err(error)
    }
}
