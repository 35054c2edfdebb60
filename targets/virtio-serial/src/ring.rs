//! What virtqueues are used for: to receive in many buffers, and to transmit from one.

use virtio_drivers::transport::Transport;
use virtio_drivers::{BufferDirection, Hal};

use crate::Error;
use crate::virtqueue::{Buffers, Virtqueue};

/// A receive queue with its buffers, each lent to the device again once it has been read.
pub(crate) struct ReceiveRing<H: Hal> {
    queue: Virtqueue<H>,
    /// The buffer that is being read, with at least one byte left.
    unread: Option<Unread>,
    /// How many buffers were lent of which the device has not been notified yet.
    unannounced: usize,
}

struct Unread {
    buffer: usize,
    start: usize,
    left: usize,
}

impl<H: Hal> ReceiveRing<H> {
    /// Sets up queue `index` and lends all buffers, without a notification: that must wait for DRIVER_OK.
    pub(crate) fn new(transport: &mut impl Transport, index: u16, buffers: Buffers) -> Result<Self, Error> {
        let mut queue = Virtqueue::new(transport, index, buffers, BufferDirection::DeviceToDriver)?;
        for buffer in 0..buffers.count {
            queue.lend(buffer, buffers.bytes)?;
        }
        Ok(Self { queue, unread: None, unannounced: buffers.count })
    }

    /// Notifies the device of the buffers it was lent since the last notification, if they are half of all.
    ///
    /// It finds them without that, too, as long as it has others; only one that had none left waits, and by the time that it
    /// gets all of them back, it is notified. A notification costs as much as all else that a short request takes.
    pub(crate) fn announce(&mut self, transport: &mut impl Transport) {
        if 2 * self.unannounced >= self.queue.buffers().count {
            self.unannounced = 0;
            self.queue.notify(transport);
        }
    }

    /// Notifies the device of its buffers again, for whatever that leads it to do.
    pub(crate) fn remind(&self, transport: &mut impl Transport) {
        self.queue.notify(transport);
    }

    /// Reads the next message, which is what one buffer holds, cut to the buffer; gives its length.
    pub(crate) fn message(&mut self, message: &mut [u8]) -> Result<Option<usize>, Error> {
        let Some((buffer, length)) = self.queue.reclaim()? else { return Ok(None) };
        let length = self.queue.copy_out(buffer, 0, length, message)?;
        self.lend_again(buffer)?;
        Ok(Some(length))
    }

    /// Whether `message` would give one.
    pub(crate) fn has_message(&self) -> bool {
        self.queue.used_buffers() > 0
    }

    /// Whether the device has used all buffers, and so may have had more to say than there was room for.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.used_buffers() == self.queue.buffers().count
    }

    /// Reads the stream of bytes, at most what one buffer holds of it; gives how many there were.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        if bytes.is_empty() || !self.has_bytes()? {
            return Ok(0);
        }
        // `has_bytes` has just found or made it.
        let Some(Unread { buffer, start, left }) = self.unread.take() else { return Ok(0) };
        let count = self.queue.copy_out(buffer, start, left, bytes)?;
        if count < left {
            self.unread = Some(Unread { buffer, start: start + count, left: left - count });
        } else {
            self.lend_again(buffer)?;
        }
        Ok(count)
    }

    /// How many buffers have something that is not read yet.
    pub(crate) fn unread_buffers(&self) -> usize {
        // A device may claim to have used the one that is being read.
        (self.queue.used_buffers() + usize::from(self.unread.is_some())).min(self.queue.buffers().count)
    }

    /// Whether `read` would give at least one byte.
    pub(crate) fn has_bytes(&mut self) -> Result<bool, Error> {
        // A device may return empty buffers for ever: one round is enough.
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

/// A transmit queue with one buffer.
pub(crate) struct TransmitRing<H: Hal> {
    queue: Virtqueue<H>,
}

impl<H: Hal> TransmitRing<H> {
    /// Sets up queue `index` with a buffer of `bytes` bytes.
    pub(crate) fn new(transport: &mut impl Transport, index: u16, bytes: usize) -> Result<Self, Error> {
        let buffers = Buffers { count: 1, bytes };
        Ok(Self { queue: Virtqueue::new(transport, index, buffers, BufferDirection::DriverToDevice)? })
    }

    /// Whether the device has given back everything that was sent.
    pub(crate) fn is_idle(&mut self) -> Result<bool, Error> {
        // Lengths mean nothing here, as the device writes nothing (section 5.3.6.3: legacy ones may claim so). There is one
        // buffer to be returned at most: a second look finds a device that returns it twice.
        while self.queue.reclaim()?.is_some() {}
        Ok(self.queue.is_ours(0))
    }

    /// Sends the beginning of `bytes` that fits the buffer; gives its length, 0 while the device has the buffer.
    pub(crate) fn send(&mut self, transport: &mut impl Transport, bytes: &[u8]) -> Result<usize, Error> {
        if bytes.is_empty() || !self.is_idle()? {
            return Ok(0);
        }
        let count = self.queue.copy_in(0, bytes)?;
        self.queue.lend(0, count)?;
        self.queue.notify(transport);
        Ok(count)
    }
}
