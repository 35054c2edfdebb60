//! A connection as a channel of the guest agent engine `nanoqga`.

use nanoqga::Agent;
use nanoqga::serve::{Channel, HostChange, Pump};
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use super::stream::Stream;
use crate::Error;

impl<H: Hal, T: Transport> Stream<'_, '_, H, T> {
    /// Polls the pump of this place, and does what a connection needs besides: a new host finds a new conversation; what a host that
    /// has left asked for is still done, but not replied to; and a host that sends no more has its replies before the connection ends.
    /// Returns whether there may be more to do.
    ///
    /// # Errors
    /// That of the driver.
    pub fn serve<G, const N: usize, const OUT: usize>(
        &mut self,
        pump: &mut Pump<N, OUT>,
        agent: &mut Agent<'_, G>,
        guest: &mut G,
    ) -> Result<bool, Error> {
        if self.take_new() {
            pump.reset(agent);
        }
        if self.has_left() {
            agent.abandon_reply();
        }
        let busy = pump.poll(agent, guest, self)?;
        if !busy && pump.is_idle(agent) {
            self.finish();
        }
        Ok(busy)
    }
}

impl<H: Hal, T: Transport> Channel for Stream<'_, '_, H, T> {
    /// Never: a place has one host at a time, and [`serve`](Stream::serve) knows when that is another one.
    fn host_change(&mut self) -> Result<Option<HostChange>, Error> {
        Ok(None)
    }

    /// Whether the device has taken everything that was written.
    fn is_drained(&mut self) -> Result<bool, Error> {
        let drained = self.driver.is_drained();
        self.driver.failure().map_or(Ok(drained), Err)
    }
}
