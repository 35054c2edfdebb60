//! `machine`'s network cards, as `network` uses them.

use machine::virtio_net::NetworkCard;
use network::{Card, MAX_FRAME};
use virtio_drivers::transport::pci::bus::DeviceFunction;

/// A virtio network card.
pub(crate) struct VirtioCard {
    pub(crate) driver: NetworkCard,
    /// Its place on PCI, if it is there.
    pub(crate) pci: Option<DeviceFunction>,
}

impl Card for VirtioCard {
    fn acknowledge(&mut self) {
        self.driver.acknowledge();
    }

    fn receive(&mut self, room: &mut [u8; MAX_FRAME]) -> Option<Result<usize, ()>> {
        self.driver.receive(room)
    }

    fn take_moved(&mut self) -> bool {
        self.driver.take_moved()
    }

    fn can_send(&mut self) -> bool {
        self.driver.can_send()
    }

    fn send(&mut self, frame: &[u8]) {
        self.driver.send(frame);
    }
}
