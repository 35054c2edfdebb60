//! A connection as a channel of the guest agent engine `nanoqga`.

use nanoqga::Agent;
use nanoqga::serve::{Channel, HostChange, Pump};
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use super::stream::Stream;
use crate::Error;

impl<H: Hal, T: Transport> Stream<'_, '_, H, T> {
    /// Polls the pump of this place, and does what a connection needs besides: [`before_poll`](Self::before_poll), and
    /// [`after_poll`](Self::after_poll) if there was nothing to do. Returns whether there may be more to do.
    ///
    /// # Errors
    /// That of the driver.
    pub fn serve<G, const N: usize, const OUT: usize>(
        &mut self,
        pump: &mut Pump<N, OUT>,
        agent: &mut Agent<'_, G>,
        guest: &mut G,
    ) -> Result<bool, Error> {
        self.before_poll(pump, agent);
        let busy = pump.poll(agent, guest, self)?;
        if !busy {
            self.after_poll(pump, agent);
        }
        Ok(busy)
    }

    /// A new host finds a new conversation. What a host that has left asked for is still done, but not replied to.
    pub fn before_poll<G, const N: usize, const OUT: usize>(
        &mut self,
        pump: &mut Pump<N, OUT>,
        agent: &mut Agent<'_, G>,
    ) {
        if self.take_new() {
            pump.reset(agent);
        }
        if self.has_left() {
            agent.abandon_reply();
        }
    }

    /// Ends a connection whose host sends no more, or has left, if nothing is left to do for it.
    pub fn after_poll<G, const N: usize, const OUT: usize>(&mut self, pump: &Pump<N, OUT>, agent: &Agent<'_, G>) {
        if pump.is_idle(agent) {
            self.finish();
        }
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
