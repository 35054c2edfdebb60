//! SCSI controllers as they were found.

use machine::room::Shared;
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::virtio_disk::Controller;

pub(super) const MAX_CONTROLLERS: usize = 4;

/// A controller.
#[derive(Debug)]
pub(super) struct Scsi {
    pub(super) driver: Shared<Controller>,
    pub(super) pci: Option<DeviceFunction>,
    /// Whether its units must be looked for. That takes a request for each target, so it waits until a request needs a disk.
    pub(super) has_news: bool,
}
