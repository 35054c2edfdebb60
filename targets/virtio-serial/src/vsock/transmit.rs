//! The queue of packets to the device.

use virtio_drivers::transport::Transport;
use virtio_drivers::{BufferDirection, Hal};

use super::packet::{HEADER_BYTES, Header};
use crate::Error;
use crate::virtqueue::{Buffers, Virtqueue};

/// A transmit queue with several buffers. The device interrupts for them only while somebody waits for one.
pub(crate) struct Transmit<H: Hal> {
    queue: Virtqueue<H>,
    awaited: bool,
}

impl<H: Hal> Transmit<H> {
    pub(crate) fn new(transport: &mut impl Transport, index: u16, buffers: Buffers) -> Result<Self, Error> {
        let mut queue = Virtqueue::new(transport, index, buffers, BufferDirection::DriverToDevice)?;
        queue.set_interrupts(false);
        Ok(Self { queue, awaited: false })
    }

    /// A buffer that can be sent. If there is none, the device interrupts when it has returned one.
    pub(crate) fn free(&mut self) -> Result<Option<usize>, Error> {
        let mut free = self.find()?;
        if free.is_some() == self.awaited {
            self.awaited = free.is_none();
            self.queue.set_interrupts(self.awaited);
            if free.is_none() {
                free = self.find()?;
            }
        }
        Ok(free)
    }

    /// Whether the device has returned all that was sent. If not, it interrupts when it has returned something.
    pub(crate) fn is_idle(&mut self) -> Result<bool, Error> {
        let mut idle = self.has_all()?;
        if !idle {
            self.awaited = true;
            self.queue.set_interrupts(true);
            idle = self.has_all()?;
        }
        Ok(idle)
    }

    /// Number of bytes of data that a packet can have.
    pub(crate) fn room(&self) -> usize {
        self.queue.buffers().bytes.saturating_sub(HEADER_BYTES)
    }

    /// Sends a packet in a buffer that is free.
    pub(crate) fn send(
        &mut self,
        transport: &mut impl Transport,
        buffer: usize,
        header: &Header,
        data: &[u8],
    ) -> Result<(), Error> {
        let length =
            self.queue.copy_in(buffer, 0, &header.bytes())? + self.queue.copy_in(buffer, HEADER_BYTES, data)?;
        self.queue.lend(buffer, length)?;
        self.queue.notify(transport);
        Ok(())
    }

    fn find(&mut self) -> Result<Option<usize>, Error> {
        // The returned length has no meaning, because the device writes nothing.
        while self.queue.reclaim()?.is_some() {}
        Ok((0..self.queue.buffers().count).find(|&buffer| self.queue.is_ours(buffer)))
    }

    fn has_all(&mut self) -> Result<bool, Error> {
        while self.queue.reclaim()?.is_some() {}
        Ok((0..self.queue.buffers().count).all(|buffer| self.queue.is_ours(buffer)))
    }
}
