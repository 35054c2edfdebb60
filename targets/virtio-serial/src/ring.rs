//! Receive queues with many buffers, and transmit queues with one.

use virtio_drivers::transport::Transport;
use virtio_drivers::{BufferDirection, Hal};

use crate::Error;
use crate::virtqueue::{Buffers, Virtqueue};

/// A receive queue. Each of its buffers is lent to the device again once it was read.
pub(crate) struct ReceiveRing<H: Hal> {
    queue: Virtqueue<H>,
    /// The buffer that is being read, which has at least one byte left.
    unread: Option<Unread>,
    /// Number of buffers that were lent since the last notification.
    unannounced: usize,
}

struct Unread {
    buffer: usize,
    start: usize,
    left: usize,
}

impl<H: Hal> ReceiveRing<H> {
    /// Sets up queue `index` and lends all its buffers. Does not notify the device, because that must wait for DRIVER_OK.
    pub(crate) fn new(transport: &mut impl Transport, index: u16, buffers: Buffers) -> Result<Self, Error> {
        let mut queue = Virtqueue::new(transport, index, buffers, BufferDirection::DeviceToDriver)?;
        let Buffers { count, bytes } = queue.buffers();
        for buffer in 0..count {
            queue.lend(buffer, bytes)?;
        }
        Ok(Self { queue, unread: None, unannounced: count })
    }

    /// Notifies the device if half of the buffers, or more, were lent since the last notification.
    ///
    /// A device that still has buffers finds the new ones without a notification. One that has run out waits, and is notified
    /// once it has half of its buffers back. A notification costs as much as everything else that a short request takes.
    pub(crate) fn announce(&mut self, transport: &mut impl Transport) {
        if 2 * self.unannounced >= self.queue.buffers().count {
            self.unannounced = 0;
            self.queue.notify(transport);
        }
    }

    /// Notifies the device without new buffers.
    pub(crate) fn remind(&self, transport: &mut impl Transport) {
        self.queue.notify(transport);
    }

    /// Copies the next message, which is the content of one buffer, to `message`. Returns its length.
    pub(crate) fn message(&mut self, message: &mut [u8]) -> Result<Option<usize>, Error> {
        let Some((buffer, length)) = self.queue.reclaim()? else { return Ok(None) };
        let length = self.queue.copy_out(buffer, 0, length, message)?;
        self.lend_again(buffer)?;
        Ok(Some(length))
    }

    /// Calls `take` with the next message, which is the content of one buffer: the queue, the buffer and the message's length. Returns
    /// whether there was one.
    #[cfg(feature = "vsock")]
    pub(crate) fn take(
        &mut self,
        take: impl FnOnce(&mut Virtqueue<H>, usize, usize) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let Some((buffer, length)) = self.queue.reclaim()? else { return Ok(false) };
        take(&mut self.queue, buffer, length)?;
        self.lend_again(buffer)?;
        Ok(true)
    }

    /// Whether `message` would return a message.
    pub(crate) fn has_message(&self) -> bool {
        self.queue.used_buffers() > 0
    }

    /// Whether the device has used all buffers, so that it may have dropped further messages.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.used_buffers() == self.queue.buffers().count
    }

    /// Copies the next bytes of the stream to `bytes`, at most those of one buffer. Returns their number.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        if bytes.is_empty() || !self.has_bytes()? {
            return Ok(0);
        }
        // `has_bytes` was true, so there is one.
        let Some(Unread { buffer, start, left }) = self.unread.take() else { return Ok(0) };
        let count = self.queue.copy_out(buffer, start, left, bytes)?;
        if count < left {
            self.unread = Some(Unread { buffer, start: start + count, left: left - count });
        } else {
            self.lend_again(buffer)?;
        }
        Ok(count)
    }

    /// Number of buffers that have bytes which are not read yet.
    pub(crate) fn unread_buffers(&self) -> usize {
        // A device may claim to have used the buffer that is being read, too.
        (self.queue.used_buffers() + usize::from(self.unread.is_some())).min(self.queue.buffers().count)
    }

    /// Whether `read` would return at least one byte.
    pub(crate) fn has_bytes(&mut self) -> Result<bool, Error> {
        // One round, because a device may return empty buffers for ever.
        for _ in 0..self.queue.buffers().count {
            if self.unread.is_some() {
                break;
            }
            match self.queue.reclaim()? {
                None => break,
                Some((buffer, 0)) => self.lend_again(buffer)?,
                Some((buffer, left)) => self.unread = Some(Unread { buffer, start: 0, left }),
            }
        }
        Ok(self.unread.is_some())
    }

    fn lend_again(&mut self, buffer: usize) -> Result<(), Error> {
        self.unannounced += 1;
        self.queue.lend(buffer, self.queue.buffers().bytes)
    }
}

/// A transmit queue with one buffer. The device interrupts for it only while somebody waits for it.
pub(crate) struct TransmitRing<H: Hal> {
    queue: Virtqueue<H>,
    awaited: bool,
}

impl<H: Hal> TransmitRing<H> {
    /// Sets up queue `index` with a buffer of `bytes` bytes.
    pub(crate) fn new(transport: &mut impl Transport, index: u16, bytes: usize) -> Result<Self, Error> {
        let buffers = Buffers { count: 1, bytes };
        let mut queue = Virtqueue::new(transport, index, buffers, BufferDirection::DriverToDevice)?;
        queue.set_interrupts(false);
        Ok(Self { queue, awaited: false })
    }

    /// Whether the device has returned everything that was sent. If not, it interrupts when it has.
    pub(crate) fn is_idle(&mut self) -> Result<bool, Error> {
        let mut idle = self.has_all()?;
        if idle == self.awaited {
            self.awaited = !idle;
            self.queue.set_interrupts(self.awaited);
            idle = idle || self.has_all()?;
        }
        Ok(idle)
    }

    fn has_all(&mut self) -> Result<bool, Error> {
        // The returned length has no meaning, because the device writes nothing (legacy devices may claim to, section
        // 5.3.6.3). The queue has one buffer, so the second `reclaim` is an error if the device returned it twice.
        while self.queue.reclaim()?.is_some() {}
        Ok(self.queue.is_ours(0))
    }

    /// Sends `bytes`, or as many of them as fit in the buffer. Returns their number, 0 while the device has the buffer.
    pub(crate) fn send(&mut self, transport: &mut impl Transport, bytes: &[u8]) -> Result<usize, Error> {
        if bytes.is_empty() || !self.is_idle()? {
            return Ok(0);
        }
        let count = self.queue.copy_in(0, 0, bytes)?;
        self.queue.lend(0, count)?;
        self.queue.notify(transport);
        Ok(count)
    }
}
