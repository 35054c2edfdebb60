//! A split virtqueue that owns its buffers (virtio 1.2, section 2.7): the only unsafe code of the driver.
//!
//! Each descriptor is for one buffer, and stays so: a chain is one buffer, no descriptor is ever allocated or linked, and
//! what the device says of any other is refused. (The queue of virtio-drivers takes chains of any buffers, in four times
//! the code, and panics where they do not match.)
//!
//! A buffer is either *lent* to the device, and then nobody here touches it, or it is ours. What is still lent when a queue
//! is dropped is freed with it, so it may be dropped only while the device does not use it: before DRIVER_OK, or after a
//! reset that the device has confirmed (sections 3.1.1 and 2.4). [`Device`](crate::device::Device) sees to that.

use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use virtio_drivers::transport::Transport;
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use crate::Error;

/// How many descriptors each queue has: as many as QEMU's control queues. One number for all, so that there is one copy
/// of the code.
pub(crate) const QUEUE_SIZE: usize = 32;

/// VIRTQ_DESC_F_WRITE: the device writes to the buffer.
const WRITE: u16 = 1 << 1;
/// VIRTQ_USED_F_NO_NOTIFY: the device needs no notification.
const NO_NOTIFY: u16 = 1 << 0;

/// How many buffers a queue has, at most one for each descriptor, and of how many bytes each, at most a page together.
#[derive(Clone, Copy)]
pub(crate) struct Buffers {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

/// What device and driver share. The places are those that legacy devices want (section 2.7.2).
#[repr(C)]
struct Shared {
    descriptors: [Descriptor; QUEUE_SIZE],
    available: Available,
    used: Used,
    buffers: Page,
}

#[repr(C)]
struct Descriptor {
    address: u64,
    length: u32,
    flags: u16,
    next: u16,
}

#[repr(C)]
struct Available {
    flags: u16,
    index: u16,
    ring: [u16; QUEUE_SIZE],
}

#[repr(C, align(4096))]
struct Used {
    flags: u16,
    index: u16,
    ring: [UsedElement; QUEUE_SIZE],
}

#[repr(C)]
struct UsedElement {
    id: u32,
    length: u32,
}

#[repr(C, align(4096))]
struct Page([u8; PAGE_SIZE]);

const PAGES: usize = size_of::<Shared>() / PAGE_SIZE;
const _: () = assert!(PAGES == 3 && align_of::<Shared>() == PAGE_SIZE);
const _: () = assert!(cfg!(target_endian = "little"), "virtio is little-endian, as all machines of this driver are");

/// A virtqueue with its buffers.
pub(crate) struct Virtqueue<H: Hal> {
    memory: Memory<H>,
    index: u16,
    buffers: Buffers,
    /// Bit i: buffer i is lent to the device.
    lent: u32,
    /// How many buffers have been lent and taken back so far; they wrap, as the rings' indices do.
    lent_so_far: u16,
    reclaimed_so_far: u16,
}

impl<H: Hal> Virtqueue<H> {
    /// Sets up queue `index` of a device that has been reset, with buffers to be sent or received in.
    pub(crate) fn new(
        transport: &mut impl Transport,
        index: u16,
        buffers: Buffers,
        direction: BufferDirection,
    ) -> Result<Self, Error> {
        // A queue is in use right after a reset.
        if transport.queue_used(index) {
            return Err(Error::NoReset);
        }
        if transport.max_queue_size(index) < QUEUE_SIZE as u32 {
            return Err(Error::QueueTooSmall);
        }
        let Buffers { count, bytes } = buffers;
        if count > QUEUE_SIZE || count * bytes > PAGE_SIZE {
            return Err(Error::NoMemory);
        }
        let memory = Memory::new()?;
        let place = |offset: usize| memory.address + offset as PhysAddr;
        let flags = if direction == BufferDirection::DriverToDevice { 0 } else { WRITE };
        for buffer in 0..count {
            let address = place(offset_of!(Shared, buffers) + buffer * bytes);
            // SAFETY: there are `QUEUE_SIZE` descriptors in the memory, which is ours alone until the device is told of it.
            unsafe {
                let descriptor = (&raw mut (*memory.shared.as_ptr()).descriptors).cast::<Descriptor>().add(buffer);
                descriptor.write(Descriptor { address, length: bytes as u32, flags, next: 0 });
            }
        }
        let [descriptors, available, used] =
            [offset_of!(Shared, descriptors), offset_of!(Shared, available), offset_of!(Shared, used)].map(place);
        transport.queue_set(index, QUEUE_SIZE as u32, descriptors, available, used);
        Ok(Self { memory, index, buffers, lent: 0, lent_so_far: 0, reclaimed_so_far: 0 })
    }

    pub(crate) fn buffers(&self) -> Buffers {
        self.buffers
    }

    /// Lends the first `length` bytes of a buffer, at least one, to the device.
    pub(crate) fn lend(&mut self, buffer: usize, length: usize) -> Result<(), Error> {
        self.ours(buffer, 0, length)?;
        if length == 0 {
            return Err(Error::RingCorrupt);
        }
        let shared = self.memory.shared.as_ptr();
        let slot = usize::from(self.lent_so_far) % QUEUE_SIZE;
        self.lent_so_far = self.lent_so_far.wrapping_add(1);
        self.lent |= 1 << buffer;
        // SAFETY: `ours` found that there is such a buffer, so there is its descriptor, and that the device does not have it.
        // From here on `lent` keeps everybody off the buffer, and the memory lives until the device is reset.
        unsafe {
            let descriptor = (&raw mut (*shared).descriptors).cast::<Descriptor>().add(buffer);
            (&raw mut (*descriptor).length).write_volatile(length as u32);
            (&raw mut (*shared).available.ring[slot]).write_volatile(buffer as u16);
            // The device must not see the index before what it leads to (section 2.7.13.3).
            fence(Ordering::SeqCst);
            (&raw mut (*shared).available.index).write_volatile(self.lent_so_far);
        }
        Ok(())
    }

    /// How many buffers the device has used that are not taken back yet.
    pub(crate) fn used_buffers(&self) -> usize {
        // SAFETY: the memory is ours; what the device may change at any time is read as such.
        let index = unsafe { (&raw const (*self.used()).index).read_volatile() };
        usize::from(index.wrapping_sub(self.reclaimed_so_far)).min(self.buffers.count)
    }

    /// Takes back the next buffer that the device has used, and how many of its bytes, cut to what there are.
    pub(crate) fn reclaim(&mut self) -> Result<Option<(usize, usize)>, Error> {
        let used = self.used();
        // SAFETY: the memory is ours; what the device may change at any time is read as such.
        if unsafe { (&raw const (*used).index).read_volatile() } == self.reclaimed_so_far {
            return Ok(None);
        }
        fence(Ordering::SeqCst);
        let slot = usize::from(self.reclaimed_so_far) % QUEUE_SIZE;
        // SAFETY: as above.
        let UsedElement { id, length } = unsafe { (&raw const (*used).ring[slot]).read_volatile() };
        self.reclaimed_so_far = self.reclaimed_so_far.wrapping_add(1);
        let buffer = id as usize;
        if buffer >= self.buffers.count || self.is_ours(buffer) {
            return Err(Error::RingCorrupt);
        }
        self.lent &= !(1 << buffer);
        Ok(Some((buffer, self.buffers.bytes.min(length as usize))))
    }

    /// Copies `length` bytes from `offset` of a buffer, cut to `room`; gives how many there were.
    pub(crate) fn copy_out(
        &self,
        buffer: usize,
        offset: usize,
        length: usize,
        room: &mut [u8],
    ) -> Result<usize, Error> {
        let start = self.ours(buffer, offset, length)?;
        let count = length.min(room.len());
        // SAFETY: `ours` found as many bytes inside our memory, not lent to the device; `room` is memory of its own.
        unsafe { start.copy_to_nonoverlapping(room.as_mut_ptr(), count) };
        Ok(count)
    }

    /// Copies the beginning of `bytes` that fits into a buffer; gives its length.
    pub(crate) fn copy_in(&mut self, buffer: usize, bytes: &[u8]) -> Result<usize, Error> {
        let count = self.buffers.bytes.min(bytes.len());
        let start = self.ours(buffer, 0, count)?;
        // SAFETY: as in `copy_out`.
        unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), count) };
        Ok(count)
    }

    /// Notifies the device that buffers were lent, unless it asked not to be.
    pub(crate) fn notify(&self, transport: &mut impl Transport) {
        // Its wish must be read after it can see the buffers, or both sides may wait for each other (section 2.7.13.4).
        fence(Ordering::SeqCst);
        // SAFETY: the memory is ours; what the device may change at any time is read as such.
        if unsafe { (&raw const (*self.used()).flags).read_volatile() } & NO_NOTIFY == 0 {
            transport.notify(self.index);
        }
    }

    pub(crate) fn is_ours(&self, buffer: usize) -> bool {
        buffer < QUEUE_SIZE && self.lent & 1 << buffer == 0
    }

    /// The address of `length` bytes from `offset` of a buffer, if they are inside it and it is not lent.
    fn ours(&self, buffer: usize, offset: usize, length: usize) -> Result<*mut u8, Error> {
        let Buffers { count, bytes } = self.buffers;
        let inside = buffer < count && offset <= bytes && length <= bytes - offset;
        if !inside || !self.is_ours(buffer) {
            return Err(Error::RingCorrupt);
        }
        // SAFETY: the buffer is one of `count`, each of `bytes` bytes, for all of which `new` found room in the page.
        Ok(unsafe { (&raw mut (*self.memory.shared.as_ptr()).buffers).cast::<u8>().add(buffer * bytes + offset) })
    }

    fn used(&self) -> *const Used {
        // SAFETY: the pointer is to memory that has this field.
        unsafe { &raw const (*self.memory.shared.as_ptr()).used }
    }
}

/// Pages for DMA, zeroed at first and freed on drop.
struct Memory<H: Hal> {
    address: PhysAddr,
    shared: NonNull<Shared>,
    hal: PhantomData<H>,
}

// SAFETY: the pages belong to this value alone, no thread has a part in them.
unsafe impl<H: Hal> Send for Memory<H> {}

impl<H: Hal> Memory<H> {
    fn new() -> Result<Self, Error> {
        // The rings go both ways, whichever way the buffers go.
        let (address, start) = H::dma_alloc(PAGES, BufferDirection::Both);
        // How a HAL says that it has none left.
        if address == 0 {
            return Err(Error::NoMemory);
        }
        Ok(Self { address, shared: start.cast(), hal: PhantomData })
    }
}

impl<H: Hal> Drop for Memory<H> {
    fn drop(&mut self) {
        // SAFETY: these are the values from and for `dma_alloc`, and this is the only time they are given back. A failure
        // to do so only loses the pages.
        let _ = unsafe { H::dma_dealloc(self.address, self.shared.cast(), PAGES) };
    }
}
