//! The port as a channel of the guest agent engine `nanoqga`.

use nanoqga::serve::{Channel, HostChange};
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use crate::{Error, VirtioSerial};

impl<H: Hal, T: Transport> Channel for VirtioSerial<H, T> {
    /// Polls the driver until it has no more events. Any event is a change of the host.
    fn host_change(&mut self) -> Result<Option<HostChange>, Error> {
        let mut changed = false;
        while self.poll().is_some() {
            changed = true;
        }
        match self.failure() {
            Some(error) => Err(error),
            None => Ok(changed.then(|| HostChange { unread: self.unread() })),
        }
    }

    /// Whether the device has taken everything that was written before, or no host is there to read it. Never waits.
    fn is_drained(&mut self) -> Result<bool, Error> {
        let drained = self.can_send();
        self.failure().map_or(Ok(drained), Err)
    }
}
