//! A split virtqueue that owns its buffers (virtio 1.2, section 2.7). It has all unsafe code that touches memory of the device.
//!
//! Descriptor `i` always describes buffer `i`. A chain is one buffer, descriptors are never allocated or linked, and a returned
//! id of any other descriptor is an error. (The queue of virtio-drivers takes chains of any buffers, in four times the code, and
//! panics if a returned chain does not match.)
//!
//! A buffer is either *lent* to the device, and then the driver does not touch it, or it is the driver's. Dropping a queue frees
//! its buffers, lent or not. So a queue may be dropped only while the device does not use it: before DRIVER_OK, or after a reset
//! that the device has confirmed (sections 3.1.1 and 2.4). [`Device`](crate::device::Device) ensures that.

use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use virtio_drivers::transport::Transport;
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use crate::Error;
use crate::barrier::barrier;

/// Largest number of buffers of a queue.
pub(crate) const MAX_BUFFERS: usize = 32;
/// Largest number of descriptors of a queue: that of a legacy device on PCI, whose queues have the size that the device says.
const MAX_SIZE: usize = 128;

/// VIRTQ_DESC_F_WRITE: the device writes to the buffer.
const WRITE: u16 = 1 << 1;
/// VIRTQ_AVAIL_F_NO_INTERRUPT: the driver needs no interrupt for used buffers.
const NO_INTERRUPT: u16 = 1 << 0;
/// VIRTQ_USED_F_NO_NOTIFY: the device needs no notification.
const NO_NOTIFY: u16 = 1 << 0;

/// Number of a queue's buffers, at most one for each descriptor, and the size of each in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Buffers {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

/// Memory that the device and the driver share, in the layout of legacy devices (section 2.7.2). The buffers follow it.
#[repr(C)]
struct Shared {
    /// A [`Descriptor`] for each buffer that the queue can have, and then the available ring (section 2.7.6): flags, an index, and
    /// an entry for each descriptor. These are numbers of 16 bits.
    rings: Page,
    used: Used,
}

#[repr(C)]
struct Descriptor {
    address: u64,
    length: u32,
    flags: u16,
    next: u16,
}

#[repr(C, align(4096))]
struct Used {
    flags: u16,
    index: u16,
    ring: [UsedElement; MAX_SIZE],
}

#[repr(C)]
struct UsedElement {
    id: u32,
    length: u32,
}

#[repr(C, align(4096))]
struct Page([u8; PAGE_SIZE]);

const _: () = assert!(size_of::<Shared>() == 2 * PAGE_SIZE && align_of::<Shared>() == PAGE_SIZE);
const _: () = assert!(MAX_SIZE * (size_of::<Descriptor>() + size_of::<u16>()) + 4 <= PAGE_SIZE);
const _: () = assert!(cfg!(target_endian = "little"), "virtio is little-endian, and the driver does not swap bytes");

/// A virtqueue with its buffers.
pub(crate) struct Virtqueue<H: Hal> {
    memory: Memory<H>,
    index: u16,
    /// Number of descriptors, a power of two.
    size: usize,
    buffers: Buffers,
    /// Bit `i` is set while buffer `i` is lent to the device.
    lent: u32,
    /// Numbers of buffers that were lent and taken back so far. They wrap, as the indices of the rings do.
    lent_so_far: u16,
    reclaimed_so_far: u16,
}

impl<H: Hal> Virtqueue<H> {
    /// Sets up queue `index` of a device that was reset, with the given buffers, or fewer if the device allows no more. `direction`
    /// says who writes to the buffers.
    pub(crate) fn new(
        transport: &mut impl Transport,
        index: u16,
        Buffers { count, bytes }: Buffers,
        direction: BufferDirection,
    ) -> Result<Self, Error> {
        // A reset disables all queues, so the device did not do it.
        if transport.queue_used(index) {
            return Err(Error::NoReset);
        }
        // Of a legacy device the whole queue is used if there is room, because on PCI its size is fixed (section 4.1.5.1.3).
        let largest = if transport.requires_legacy_layout() { MAX_SIZE } else { MAX_BUFFERS };
        let size = match transport.max_queue_size(index) as usize {
            0 => return Err(Error::QueueTooSmall),
            size if size <= largest => 1 << size.ilog2(),
            _ => MAX_BUFFERS,
        };
        let count = count.min(size);
        let all = count.checked_mul(bytes).and_then(|all| all.checked_add(size_of::<Shared>()));
        let Some(all) = all.filter(|_| count <= MAX_BUFFERS) else { return Err(Error::NoMemory) };
        let memory = Memory::new(all.div_ceil(PAGE_SIZE))?;
        let place = |offset: usize| memory.address + offset as PhysAddr;
        let flags = if direction == BufferDirection::DriverToDevice { 0 } else { WRITE };
        for buffer in 0..count {
            let address = place(size_of::<Shared>() + buffer * bytes);
            // SAFETY: `buffer` is less than `size`, and the memory has room for as many descriptors. The device does not know of
            // the memory before `queue_set`.
            unsafe { memory.descriptor(buffer).write(Descriptor { address, length: bytes as u32, flags, next: 0 }) };
        }
        let [descriptors, available, used] =
            [offset_of!(Shared, rings), size * size_of::<Descriptor>(), offset_of!(Shared, used)].map(place);
        transport.queue_set(index, size as u32, descriptors, available, used);
        let buffers = Buffers { count, bytes };
        Ok(Self { memory, index, size, buffers, lent: 0, lent_so_far: 0, reclaimed_so_far: 0 })
    }

    pub(crate) fn buffers(&self) -> Buffers {
        self.buffers
    }

    /// Lends the first `length` bytes of a buffer to the device. An error if there are none, or the buffer is lent.
    pub(crate) fn lend(&mut self, buffer: usize, length: usize) -> Result<(), Error> {
        self.ours(buffer, 0, length)?;
        if length == 0 {
            return Err(Error::RingCorrupt);
        }
        let slot = self.slot(self.lent_so_far);
        self.lent_so_far = self.lent_so_far.wrapping_add(1);
        self.lent |= 1 << buffer;
        // SAFETY: `ours` checked that the buffer exists, and so its descriptor, and that it is not lent. From here on `ours`
        // refuses the buffer, as its bit in `lent` is set. The available ring has its index and entries where `rings` says, and
        // there is room for `MAX_SIZE` descriptors and entries. The memory lives until the device is reset.
        unsafe {
            let descriptor = self.memory.descriptor(buffer);
            let [index, ring] = [1, 2].map(|word| self.memory.descriptor(self.size).cast::<u16>().add(word));
            (&raw mut (*descriptor).length).write_volatile(length as u32);
            ring.add(slot).write_volatile(buffer as u16);
            // The device must see the entry and the descriptor before the index that makes them available (section 2.7.13.3).
            fence(Ordering::SeqCst);
            index.write_volatile(self.lent_so_far);
        }
        Ok(())
    }

    /// Number of buffers that the device has used and that are not taken back yet.
    pub(crate) fn used_buffers(&self) -> usize {
        // SAFETY: the pointer is to memory of this queue, and the read is volatile, because the device may write at any time.
        let index = unsafe { (&raw const (*self.used()).index).read_volatile() };
        usize::from(index.wrapping_sub(self.reclaimed_so_far)).min(self.buffers.count)
    }

    /// Takes back the next buffer that the device has used. Returns the buffer and the length that the device claims, limited to
    /// the buffer's size.
    pub(crate) fn reclaim(&mut self) -> Result<Option<(usize, usize)>, Error> {
        let used = self.used();
        // SAFETY: the pointer is to memory of this queue, and the read is volatile, because the device may write at any time.
        if unsafe { (&raw const (*used).index).read_volatile() } == self.reclaimed_so_far {
            return Ok(None);
        }
        // The entry, and later the buffer, must be read after the index.
        fence(Ordering::SeqCst);
        let slot = self.slot(self.reclaimed_so_far);
        // SAFETY: as above. The ring has `MAX_SIZE` entries, and `slot` is less.
        let UsedElement { id, length } =
            unsafe { (&raw const (*used).ring).cast::<UsedElement>().add(slot).read_volatile() };
        self.reclaimed_so_far = self.reclaimed_so_far.wrapping_add(1);
        let buffer = id as usize;
        if buffer >= self.buffers.count || self.is_ours(buffer) {
            return Err(Error::RingCorrupt);
        }
        self.lent &= !(1 << buffer);
        Ok(Some((buffer, self.buffers.bytes.min(length as usize))))
    }

    /// Copies `length` bytes from `offset` of a buffer, or as many as fit in `room`. Returns their number.
    pub(crate) fn copy_out(
        &self,
        buffer: usize,
        offset: usize,
        length: usize,
        room: &mut [u8],
    ) -> Result<usize, Error> {
        let start = self.ours(buffer, offset, length)?;
        let count = length.min(room.len());
        // SAFETY: `ours` checked that `length` bytes lie in the buffer and that it is not lent. `room` does not overlap it,
        // because nobody else has a reference to memory of the queue.
        unsafe { start.copy_to_nonoverlapping(room.as_mut_ptr(), count) };
        Ok(count)
    }

    /// Copies `bytes` to `offset` of a buffer, or as many of them as fit. Returns their number.
    pub(crate) fn copy_in(&mut self, buffer: usize, offset: usize, bytes: &[u8]) -> Result<usize, Error> {
        let count = self.buffers.bytes.saturating_sub(offset).min(bytes.len());
        let start = self.ours(buffer, offset, count)?;
        // SAFETY: as in `copy_out`.
        unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), count) };
        Ok(count)
    }

    /// Notifies the device that buffers were lent, unless it asked for no notifications.
    pub(crate) fn notify(&self, transport: &mut impl Transport) {
        // The flag must be read after the device can see the buffers, or both sides may wait for each other (section
        // 2.7.13.4). The notification is a write to a register, and the buffers must be in memory before that, too.
        barrier();
        // SAFETY: the pointer is to memory of this queue, and the read is volatile, because the device may write at any time.
        if unsafe { (&raw const (*self.used()).flags).read_volatile() } & NO_NOTIFY == 0 {
            transport.notify(self.index);
        }
    }

    /// Asks the device to interrupt for used buffers, or not to. Buffers that it uses at this moment may be without an interrupt, so
    /// look for them after asking.
    pub(crate) fn set_interrupts(&mut self, wanted: bool) {
        let flags = if wanted { 0 } else { NO_INTERRUPT };
        // SAFETY: the available ring begins with its flags, behind as many descriptors as the queue has. The device only reads them.
        unsafe { self.memory.descriptor(self.size).cast::<u16>().write_volatile(flags) };
        // The device must see the flag before the driver looks (section 2.7.7.1).
        barrier();
    }

    pub(crate) fn is_ours(&self, buffer: usize) -> bool {
        buffer < MAX_BUFFERS && self.lent & 1 << buffer == 0
    }

    /// Returns the address of `length` bytes from `offset` of a buffer. An error if they are not inside it, or it is lent.
    fn ours(&self, buffer: usize, offset: usize, length: usize) -> Result<*mut u8, Error> {
        let Buffers { count, bytes } = self.buffers;
        let inside = buffer < count && offset <= bytes && length <= bytes - offset;
        if !inside || !self.is_ours(buffer) {
            return Err(Error::RingCorrupt);
        }
        // SAFETY: `buffer` is less than `count` and `offset` at most `bytes`, and `new` allocated memory for `count` buffers of
        // `bytes` bytes behind the rings.
        Ok(unsafe { self.memory.shared.as_ptr().add(1).cast::<u8>().add(buffer * bytes + offset) })
    }

    /// The place in a ring for the buffer of this number, by the numbers of buffers so far.
    fn slot(&self, so_far: u16) -> usize {
        usize::from(so_far) & (self.size - 1)
    }

    fn used(&self) -> *const Used {
        // SAFETY: the pointer is to a `Shared`, which has this field.
        unsafe { &raw const (*self.memory.shared.as_ptr()).used }
    }
}

/// Pages for DMA. They are zeroed when allocated, and freed on drop.
struct Memory<H: Hal> {
    address: PhysAddr,
    shared: NonNull<Shared>,
    pages: usize,
    hal: PhantomData<H>,
}

// SAFETY: the pages belong to this value alone, and the HAL's functions may be called from any thread, as they take no `self`.
unsafe impl<H: Hal> Send for Memory<H> {}

impl<H: Hal> Memory<H> {
    fn new(pages: usize) -> Result<Self, Error> {
        // Both sides write to the rings, whichever of them writes to the buffers.
        let (address, start) = H::dma_alloc(pages, BufferDirection::Both);
        // By the contract of `Hal` this means that no pages are left.
        if address == 0 {
            return Err(Error::NoMemory);
        }
        Ok(Self { address, shared: start.cast(), pages, hal: PhantomData })
    }

    /// The place of a descriptor, at most of number [`MAX_SIZE`]; of the queue's size, that of the available ring.
    ///
    /// # Safety
    /// The number must be at most that.
    unsafe fn descriptor(&self, number: usize) -> *mut Descriptor {
        // SAFETY: the pointer is to a `Shared`, whose first page has room for as many descriptors.
        unsafe { (&raw mut (*self.shared.as_ptr()).rings).cast::<Descriptor>().add(number) }
    }
}

impl<H: Hal> Drop for Memory<H> {
    fn drop(&mut self) {
        // SAFETY: the address, the pointer and the number of pages are those of `dma_alloc`, and `drop` runs once. An error only
        // leaks the pages.
        let _ = unsafe { H::dma_dealloc(self.address, self.shared.cast(), self.pages) };
    }
}
