//! Virtqueues that own their buffers: the only unsafe code of the driver.
//!
//! A buffer is either *lent* to the device, and then nobody here touches it, or it is ours. What is still lent when a ring
//! is dropped is freed with it, so a ring may be dropped only while the device uses no virtqueue: before DRIVER_OK, or
//! after a reset that the device has confirmed (virtio 1.2, sections 3.1.1 and 2.4). [`Device`](crate::device::Device)
//! sees to that.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{Ordering, fence};

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use crate::Error;

/// How many descriptors each queue has: as many as QEMU's control queues. One number for all, so that there is one copy
/// of the code.
pub(crate) const QUEUE_SIZE: usize = 32;

/// How many buffers a ring has, and of how many bytes each.
#[derive(Clone, Copy)]
pub(crate) struct Buffers {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

/// A receive queue with its buffers, each lent to the device again once it has been read.
pub(crate) struct ReceiveRing<H: Hal> {
    ring: Ring<H>,
    /// The buffer that is being read, with at least one byte left.
    unread: Option<Unread>,
    /// Buffers were lent of which the device has not been notified yet.
    unannounced: bool,
}

struct Unread {
    buffer: usize,
    start: usize,
    end: usize,
}

impl<H: Hal> ReceiveRing<H> {
    /// Sets up queue `index` and lends all buffers, without a notification: that must wait for DRIVER_OK.
    pub(crate) fn new(transport: &mut impl Transport, index: u16, buffers: Buffers) -> Result<Self, Error> {
        let mut ring = Ring::new(transport, index, buffers, BufferDirection::DeviceToDriver)?;
        for buffer in 0..buffers.count {
            ring.lend(buffer, buffers.bytes)?;
        }
        Ok(Self { ring, unread: None, unannounced: true })
    }

    /// Notifies the device of the buffers it was lent since the last notification.
    pub(crate) fn announce(&mut self, transport: &mut impl Transport) {
        if core::mem::take(&mut self.unannounced) {
            self.ring.notify(transport);
        }
    }

    /// Reads the next message, which is what one buffer holds, cut to the buffer; gives its length.
    pub(crate) fn message(&mut self, message: &mut [u8]) -> Result<Option<usize>, Error> {
        let Some((buffer, length)) = self.ring.reclaim()? else { return Ok(None) };
        let length = length.min(message.len());
        self.ring.copy_out(buffer, 0, &mut message[..length])?;
        self.lend_again(buffer)?;
        Ok(Some(length))
    }

    /// Reads the stream of bytes, at most what one buffer holds of it; gives how many there were.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        if bytes.is_empty() || !self.has_bytes()? {
            return Ok(0);
        }
        // `has_bytes` has just found or made it.
        let Some(Unread { buffer, start, end }) = self.unread.take() else { return Ok(0) };
        let count = (end - start).min(bytes.len());
        self.ring.copy_out(buffer, start, &mut bytes[..count])?;
        if start + count < end {
            self.unread = Some(Unread { buffer, start: start + count, end });
        } else {
            self.lend_again(buffer)?;
        }
        Ok(count)
    }

    /// Whether `read` would give at least one byte.
    pub(crate) fn has_bytes(&mut self) -> Result<bool, Error> {
        // A device may return empty buffers for ever: one round is enough.
        for _ in 0..self.ring.buffers.count {
            if self.unread.is_some() {
                break;
            }
            match self.ring.reclaim()? {
                None => break,
                Some((buffer, 0)) => self.lend_again(buffer)?,
                Some((buffer, end)) => self.unread = Some(Unread { buffer, start: 0, end }),
            }
        }
        Ok(self.unread.is_some())
    }

    fn lend_again(&mut self, buffer: usize) -> Result<(), Error> {
        self.unannounced = true;
        self.ring.lend(buffer, self.ring.buffers.bytes)
    }
}

/// A transmit queue with one buffer.
pub(crate) struct TransmitRing<H: Hal> {
    ring: Ring<H>,
}

impl<H: Hal> TransmitRing<H> {
    /// Sets up queue `index` with a buffer of `bytes` bytes.
    pub(crate) fn new(transport: &mut impl Transport, index: u16, bytes: usize) -> Result<Self, Error> {
        let buffers = Buffers { count: 1, bytes };
        Ok(Self { ring: Ring::new(transport, index, buffers, BufferDirection::DriverToDevice)? })
    }

    /// Whether the device has given back everything that was sent.
    pub(crate) fn is_idle(&mut self) -> Result<bool, Error> {
        // Lengths mean nothing here, as the device writes nothing (section 5.3.6.3: legacy ones may claim so). There is one
        // buffer to be returned at most: a second look finds a device that returns it twice.
        while self.ring.reclaim()?.is_some() {}
        Ok(self.ring.is_ours(0))
    }

    /// Sends the beginning of `bytes` that fits the buffer; gives its length, 0 while the device has the buffer.
    pub(crate) fn send(&mut self, transport: &mut impl Transport, bytes: &[u8]) -> Result<usize, Error> {
        let count = bytes.len().min(self.ring.buffers.bytes);
        if count == 0 || !self.is_idle()? {
            return Ok(0);
        }
        self.ring.copy_in(0, &bytes[..count])?;
        self.ring.lend(0, count)?;
        self.ring.notify(transport);
        Ok(count)
    }
}

/// A virtqueue and its buffers, which lie one after the other in `pages`.
struct Ring<H: Hal> {
    queue: VirtQueue<H, QUEUE_SIZE>,
    pages: Pages<H>,
    buffers: Buffers,
    index: u16,
    direction: BufferDirection,
    /// What each descriptor lends to the device.
    lent: [Option<Loan>; QUEUE_SIZE],
}

/// A ring has at most [`QUEUE_SIZE`] buffers of at most a page.
#[derive(Clone, Copy)]
struct Loan {
    buffer: u16,
    length: u16,
}

impl<H: Hal> Ring<H> {
    fn new(
        transport: &mut impl Transport,
        index: u16,
        buffers: Buffers,
        direction: BufferDirection,
    ) -> Result<Self, Error> {
        let pages = Pages::new((buffers.count * buffers.bytes).div_ceil(PAGE_SIZE), direction)?;
        let queue = VirtQueue::new(transport, index, false, false)?;
        Ok(Self { queue, pages, buffers, index, direction, lent: [None; QUEUE_SIZE] })
    }

    /// Lends the first `length` bytes of a buffer, at least one, to the device.
    fn lend(&mut self, buffer: usize, length: usize) -> Result<(), Error> {
        let start = self.ours(buffer, 0, length)?;
        if length == 0 {
            return Err(Error::RingCorrupt);
        }
        // SAFETY: `ours` found `length` bytes inside our pages that are not lent, so this is the only reference to them.
        // It ends with this function; until `reclaim` has the descriptor back, `lent` keeps everybody off the bytes, and
        // the pages live until the device is reset (see the module's documentation).
        let token = unsafe {
            let bytes = slice::from_raw_parts_mut(start.as_ptr(), length);
            match self.direction {
                BufferDirection::DriverToDevice => self.queue.add(&[bytes], &mut []),
                _ => self.queue.add(&[], &mut [bytes]),
            }
        }?;
        *self.lent.get_mut(usize::from(token)).ok_or(Error::RingCorrupt)? =
            Some(Loan { buffer: buffer as u16, length: length as u16 });
        Ok(())
    }

    /// Takes back the next buffer that the device has used, and how many of its bytes, cut to what it was lent.
    fn reclaim(&mut self) -> Result<Option<(usize, usize)>, Error> {
        let Some(token) = self.queue.peek_used() else { return Ok(None) };
        // `pop_used` would panic on a descriptor out of range, and free one that is free already.
        let lent = self.lent.get_mut(usize::from(token)).ok_or(Error::RingCorrupt)?;
        let Loan { buffer, length } = lent.take().ok_or(Error::RingCorrupt)?;
        let (buffer, length) = (usize::from(buffer), usize::from(length));
        // SAFETY: the loan, which ends here, covers exactly these bytes of our pages, as `add` was given them under this
        // token; nobody else here refers to them, as they have been lent until now.
        let used = unsafe {
            let bytes = slice::from_raw_parts_mut(self.pages.start.as_ptr().add(buffer * self.buffers.bytes), length);
            match self.direction {
                BufferDirection::DriverToDevice => self.queue.pop_used(token, &[bytes], &mut []),
                _ => self.queue.pop_used(token, &[], &mut [bytes]),
            }
        }?;
        Ok(Some((buffer, length.min(usize::try_from(used).unwrap_or(usize::MAX)))))
    }

    fn copy_out(&self, buffer: usize, offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        let start = self.ours(buffer, offset, bytes.len())?;
        // SAFETY: `ours` found as many bytes inside our pages, not lent to the device; `bytes` is memory of its own.
        unsafe { start.as_ptr().copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    fn copy_in(&mut self, buffer: usize, bytes: &[u8]) -> Result<(), Error> {
        let start = self.ours(buffer, 0, bytes.len())?;
        // SAFETY: as in `copy_out`.
        unsafe { start.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    /// The address of `length` bytes from `offset` of a buffer, if they are inside it and it is not lent.
    fn ours(&self, buffer: usize, offset: usize, length: usize) -> Result<NonNull<u8>, Error> {
        let Buffers { count, bytes } = self.buffers;
        let inside = buffer < count && offset <= bytes && length <= bytes - offset;
        if !inside || !self.is_ours(buffer) {
            return Err(Error::RingCorrupt);
        }
        // SAFETY: the buffer is one of `count`, each of `bytes` bytes, for all of which `new` has allocated the pages.
        Ok(unsafe { self.pages.start.add(buffer * self.buffers.bytes + offset) })
    }

    fn is_ours(&self, buffer: usize) -> bool {
        !self.lent.iter().flatten().any(|loan| usize::from(loan.buffer) == buffer)
    }

    /// Notifies the device that buffers were lent, unless it asked not to be.
    fn notify(&self, transport: &mut impl Transport) {
        // Its wish must be read after it can see the buffers, or both sides may wait for each other (section 2.7.13.4);
        // `VirtQueue` has no barrier between the two.
        fence(Ordering::SeqCst);
        if self.queue.should_notify() {
            transport.notify(self.index);
        }
    }
}

/// Pages for DMA, zeroed at first and freed on drop.
struct Pages<H: Hal> {
    address: PhysAddr,
    start: NonNull<u8>,
    count: usize,
    hal: PhantomData<H>,
}

// SAFETY: the pages belong to this value alone, no thread has a part in them.
unsafe impl<H: Hal> Send for Pages<H> {}

impl<H: Hal> Pages<H> {
    fn new(count: usize, direction: BufferDirection) -> Result<Self, Error> {
        let (address, start) = H::dma_alloc(count, direction);
        // How a HAL says that it has none left.
        if address == 0 {
            return Err(Error::NoMemory);
        }
        Ok(Self { address, start, count, hal: PhantomData })
    }
}

impl<H: Hal> Drop for Pages<H> {
    fn drop(&mut self) {
        // SAFETY: these are the values from and for `dma_alloc`, and this is the only time they are given back. A failure
        // to do so only loses the pages.
        let _ = unsafe { H::dma_dealloc(self.address, self.start, self.count) };
    }
}
