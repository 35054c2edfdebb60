//! A split virtqueue (virtio 1.2, section 2.7) of the size that its device has.
//!
//! Own code, because the compiler must know the size of virtio-drivers' queues, and a legacy device on PCI chooses that itself.
//! Each request has descriptors of its own for good: those from its token times [`VirtQueue`]'s `chain` on.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use virtio_drivers::transport::Transport;
use virtio_drivers::{BufferDirection, Error, Hal, PAGE_SIZE, PhysAddr, Result};

/// Largest number of requests at a time: a bit each.
const MAX_REQUESTS: usize = 32;
/// Largest number of descriptors (2.7).
const MAX_SIZE: usize = 1 << 15;

// Flags of a descriptor, of the available ring and of the used ring.
const NEXT: u16 = 1 << 0;
const WRITE: u16 = 1 << 1;
const NO_INTERRUPT: u16 = 1 << 0;
const NO_NOTIFY: u16 = 1 << 0;

#[repr(C)]
struct Descriptor {
    address: u64,
    length: u32,
    flags: u16,
    next: u16,
}

#[repr(C)]
struct UsedElement {
    id: u32,
    length: u32,
}

/// A virtqueue.
#[derive(Debug)]
pub struct VirtQueue<H: Hal> {
    address: PhysAddr,
    memory: NonNull<u8>,
    pages: usize,
    /// Number of descriptors, a power of two.
    size: usize,
    /// Number of requests at a time, and of descriptors that each has.
    requests: usize,
    chain: usize,
    /// Bit `i` is set while the device has request `i`.
    lent: u32,
    /// Numbers of requests that were added and taken back so far. They wrap, as the indices of the rings do.
    added: u16,
    reclaimed: u16,
    hal: PhantomData<H>,
}

impl<H: Hal> VirtQueue<H> {
    /// Sets up queue `index` of a device that was reset, for so many requests at a time, at most 32, of `chain` buffers each. A queue
    /// that is too small for them takes fewer.
    ///
    /// # Errors
    /// If the device has no such queue, uses it already, or has no room for one request; and without memory.
    // Kept whole: the images are smaller so.
    #[inline(never)]
    pub fn new(transport: &mut impl Transport, index: u16, requests: usize, chain: usize) -> Result<Self> {
        if transport.queue_used(index) {
            return Err(Error::AlreadyUsed);
        }
        let largest = transport.max_queue_size(index) as usize;
        if largest > MAX_SIZE || chain == 0 || requests > MAX_REQUESTS {
            return Err(Error::InvalidParam);
        }
        // On PCI, a legacy device's queue has the size that the device says (4.1.5.1.3), which is a power of two.
        let wanted = if transport.requires_legacy_layout() { largest } else { (requests * chain).next_power_of_two() };
        let size = 1 << wanted.min(largest).checked_ilog2().ok_or(Error::InvalidParam)?;
        let requests = requests.min(size / chain);
        if requests == 0 {
            return Err(Error::InvalidParam);
        }
        let [available, used] = places(size);
        let pages = (used + 6 + size * size_of::<UsedElement>()).div_ceil(PAGE_SIZE);
        let (address, memory) = H::dma_alloc(pages, BufferDirection::Both);
        if address == 0 {
            return Err(Error::DmaError);
        }
        let [available, used] = [available, used].map(|place| address + place as PhysAddr);
        transport.queue_set(index, size as u32, address, available, used);
        let (lent, added, reclaimed) = (0, 0, 0);
        Ok(Self { address, memory, pages, size, requests, chain, lent, added, reclaimed, hal: PhantomData })
    }

    /// Adds a request: the device reads `inputs` and writes `outputs`. Returns its token.
    ///
    /// # Errors
    /// If the queue is full, or a request has not as many buffers.
    ///
    /// # Safety
    /// The buffers must stay where they are, and be touched by nobody, until [`take`](Self::take) has returned the token or the device
    /// has been reset.
    // Kept whole: the images are smaller so.
    #[inline(never)]
    pub unsafe fn add(&mut self, inputs: &[&[u8]], outputs: &mut [&mut [u8]]) -> Result<u16> {
        let token = self.lent.trailing_ones() as usize;
        let count = inputs.len() + outputs.len();
        if token >= self.requests {
            return Err(Error::QueueFull);
        }
        if count == 0 || count > self.chain {
            return Err(Error::InvalidParam);
        }
        let inputs = inputs.iter().map(|buffer| (NonNull::from(*buffer), BufferDirection::DriverToDevice));
        let outputs = outputs.iter_mut().map(|buffer| (NonNull::from(&mut **buffer), BufferDirection::DeviceToDriver));
        let head = token * self.chain;
        for (place, (buffer, direction)) in inputs.chain(outputs).enumerate() {
            let write = if direction == BufferDirection::DeviceToDriver { WRITE } else { 0 };
            let next = if place + 1 < count { NEXT } else { 0 };
            // SAFETY: The caller's promise.
            let address = unsafe { H::share(buffer, direction) };
            let (length, number) = (buffer.len() as u32, head + place);
            let descriptor = Descriptor { address, length, flags: write | next, next: number as u16 + 1 };
            // SAFETY: A token is less than `requests`, and so its descriptors are less than `size`. The device does not use them now.
            unsafe { self.at::<Descriptor>(number * size_of::<Descriptor>()).write_volatile(descriptor) };
        }
        self.lent |= 1 << token;
        let slot = self.slot(self.added);
        self.added = self.added.wrapping_add(1);
        let [available, _] = places(self.size);
        // SAFETY: The ring is flags, an index and `size` entries, of which `slot` is one.
        unsafe {
            self.at::<u16>(available + 4 + 2 * slot).write_volatile(head as u16);
            // The device must see the descriptors and the entry before the index (2.7.13.3).
            fence(Ordering::SeqCst);
            self.at::<u16>(available + 2).write_volatile(self.added);
        }
        // The device's wish for notifications must be read after the device can see the request (2.7.13.4).
        fence(Ordering::SeqCst);
        Ok(token as u16)
    }

    /// Whether the device wants to be notified of requests that were added.
    pub fn should_notify(&self) -> bool {
        // SAFETY: The used ring begins with its flags.
        unsafe { self.at::<u16>(places(self.size)[1]).read_volatile() & NO_NOTIFY == 0 }
    }

    /// Asks the device to interrupt for requests that it has completed, or not to. It may not have seen that when it completes one at
    /// this moment, so look for one after asking.
    pub fn set_interrupts(&mut self, wanted: bool) {
        // SAFETY: The available ring begins with its flags.
        unsafe { self.at::<u16>(places(self.size)[0]).write_volatile(if wanted { 0 } else { NO_INTERRUPT }) };
        // The device must see the flag before the driver looks (2.7.7.1).
        fence(Ordering::SeqCst);
    }

    /// Whether the device has completed a request that was not taken yet.
    pub fn has_completed(&self) -> bool {
        // SAFETY: The used ring's index follows its flags.
        unsafe { self.at::<u16>(places(self.size)[1] + 2).read_volatile() != self.reclaimed }
    }

    /// Takes back the next request that the device has completed. Returns its token, and how many bytes the device says it has
    /// written. `None` if there is none.
    ///
    /// # Errors
    /// If the device returns what it did not have.
    // Kept whole: the images are smaller so.
    #[inline(never)]
    pub fn take(&mut self) -> Result<Option<(u16, u32)>> {
        if !self.has_completed() {
            return Ok(None);
        }
        // The entry, and later the buffers, must be read after the index.
        fence(Ordering::SeqCst);
        let place = places(self.size)[1] + 4 + self.slot(self.reclaimed) * size_of::<UsedElement>();
        self.reclaimed = self.reclaimed.wrapping_add(1);
        // SAFETY: The used ring has `size` entries behind its flags and index.
        let UsedElement { id, length } = unsafe { self.at::<UsedElement>(place).read_volatile() };
        let is_lent = |token: &usize| id as usize == token * self.chain && self.lent & 1 << token != 0;
        let Some(token) = (0..self.requests).find(is_lent) else { return Err(Error::WrongToken) };
        self.lent &= !(1 << token);
        Ok(Some((token as u16, length)))
    }

    /// The place in a ring for the request of this number.
    fn slot(&self, so_far: u16) -> usize {
        usize::from(so_far) & (self.size - 1)
    }

    fn at<T>(&self, offset: usize) -> *mut T {
        self.memory.as_ptr().wrapping_add(offset).cast()
    }
}

impl<H: Hal> Drop for VirtQueue<H> {
    /// Frees its memory: the device must have been reset.
    fn drop(&mut self) {
        // SAFETY: These are what `dma_alloc` returned, and this runs once. That it fails only loses the pages.
        let _ = unsafe { H::dma_dealloc(self.address, self.memory, self.pages) };
    }
}

/// Where the available and the used ring begin, in the layout of legacy devices (2.7.2), which suits all.
const fn places(size: usize) -> [usize; 2] {
    let available = size * size_of::<Descriptor>();
    // Flags, an index, an entry for each descriptor, and a word that only an optional feature uses.
    [available, (available + 6 + 2 * size).next_multiple_of(PAGE_SIZE)]
}
