//! `machine`'s network cards, as `network` uses them.

use machine::virtio_net::NetworkCard;
use network::{Card, MAX_FRAME};

/// A virtio network card.
pub(crate) struct VirtioCard(pub(crate) NetworkCard);

impl Card for VirtioCard {
    fn acknowledge(&mut self) {
        self.0.acknowledge();
    }

    fn receive(&mut self, room: &mut [u8; MAX_FRAME]) -> Option<Result<usize, ()>> {
        self.0.receive(room)
    }

    fn take_moved(&mut self) -> bool {
        self.0.take_moved()
    }

    fn can_send(&mut self) -> bool {
        self.0.can_send()
    }

    fn send(&mut self, frame: &[u8]) {
        self.0.send(frame);
    }
}
