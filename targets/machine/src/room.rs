//! Memory for a value that comes and goes with a device.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE};
use zerocopy::FromZeros;

use crate::heap::Kept;

/// A value in whole pages of its own. When it is dropped, they are kept for the next value of as many pages, so devices that come
/// and leave for ever take no more memory than those that are there at once.
pub struct Room<T>(NonNull<T>);

impl<T> Room<T> {
    const PAGES: usize = size_of::<T>().div_ceil(PAGE_SIZE);

    /// Moves a value there. `None` if too little memory is left.
    // A large value is built on the stack and then copied: in here, so that callers' frames stay small.
    #[inline(never)]
    pub fn new(value: T) -> Option<Self> {
        let place = Self::pages()?;
        // SAFETY: The pages have the value's size and alignment, and nobody else has them.
        unsafe { place.write(value) };
        Some(Self(place))
    }

    /// The same for a value of zeros, which is not built elsewhere first.
    pub fn zeroed() -> Option<Self>
    where
        T: FromZeros,
    {
        // Pages are zeros at first, and zeros are such a value.
        Self::pages().map(Self)
    }

    /// Never gives the memory back: a device may still write to it.
    pub fn leak(self) {
        _ = ManuallyDrop::new(self);
    }

    fn pages() -> Option<NonNull<T>> {
        const { assert!(align_of::<T>() <= PAGE_SIZE && size_of::<T>() > 0) };
        let (address, memory) = Kept::dma_alloc(Self::PAGES, BufferDirection::Both);
        (address != 0).then_some(memory.cast())
    }
}

impl<T> Deref for Room<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: There is a value until this one is dropped, and it is this one's alone.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for Room<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: As above.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Room<T> {
    fn drop(&mut self) {
        // SAFETY: The value is dropped once, and its pages are given back as they were got. An error only loses them.
        unsafe {
            self.0.drop_in_place();
            let _ = Kept::dma_dealloc(self.0.addr().get() as u64, self.0.cast(), Self::PAGES);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Room<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A value that several share, in whole pages of its own. It is dropped with the last of them.
pub struct Shared<T>(ManuallyDrop<Room<Counted<T>>>);

struct Counted<T> {
    /// By how many it is shared.
    count: Cell<usize>,
    value: RefCell<T>,
}

impl<T> Shared<T> {
    /// Moves a value there. `None` if too little memory is left.
    pub fn new(value: T) -> Option<Self> {
        let room = Room::new(Counted { count: Cell::new(1), value: RefCell::new(value) })?;
        Some(Self(ManuallyDrop::new(room)))
    }

    /// Whether both are the same value.
    pub fn is(&self, other: &Self) -> bool {
        self.0.0 == other.0.0
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        self.0.count.set(self.0.count.get() + 1);
        Self(ManuallyDrop::new(Room(self.0.0)))
    }
}

impl<T> Deref for Shared<T> {
    type Target = RefCell<T>;

    fn deref(&self) -> &RefCell<T> {
        &self.0.value
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let left = self.0.count.get() - 1;
        self.0.count.set(left);
        if left == 0 {
            // SAFETY: This is the last one, and is not used again.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
