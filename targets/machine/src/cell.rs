//! Statics of a machine that runs on one CPU.

use core::cell::{Cell, RefCell, RefMut, UnsafeCell};
use core::mem::MaybeUninit;

/// A static that the one CPU may change.
///
/// Interrupt handlers touch none of these. An exception may arrive at any time, but its handler never returns and takes
/// what is borrowed for lost, which is why there is only a fallible `borrow`.
#[derive(Debug)]
pub struct OneCpu<T>(RefCell<T>);

// SAFETY: This image never starts a second CPU, so nothing is ever shared between threads.
unsafe impl<T> Sync for OneCpu<T> {}

impl<T> OneCpu<T> {
    /// A static of this value.
    pub const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// The value, unless the code that an exception interrupted was using it.
    pub fn borrow(&self) -> Option<RefMut<'_, T>> {
        self.0.try_borrow_mut().ok()
    }

    /// The value, whoever was using it.
    ///
    /// # Safety
    /// The code that an exception or a panic interrupted must never run again, and nothing that this gives may be alive.
    #[allow(clippy::mut_from_ref, reason = "the other references are dead, as the caller promises")]
    pub unsafe fn steal(&self) -> &mut T {
        // SAFETY: The caller's promise.
        unsafe { &mut *self.0.as_ptr() }
    }
}

/// A static that is given its value at boot. It is all zeros before, so that it takes no room in the image.
pub(crate) struct FoundAtBoot<T> {
    is_found: Cell<bool>,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: As for `OneCpu`.
unsafe impl<T> Sync for FoundAtBoot<T> {}

impl<T> FoundAtBoot<T> {
    pub(crate) const fn new() -> Self {
        Self { is_found: Cell::new(false), value: UnsafeCell::new(MaybeUninit::zeroed()) }
    }

    /// Gives it its value, unless it has one; the value that it then has.
    pub(crate) fn give(&self, value: T) -> &T {
        if !self.is_found.replace(true) {
            // SAFETY: It had no value, so there are no references to it.
            unsafe { *self.value.get() = MaybeUninit::new(value) };
        }
        // SAFETY: It has its value now, and keeps it.
        unsafe { (*self.value.get()).assume_init_ref() }
    }

    /// The value, if it is there yet.
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: As above, as `give` has said so.
        self.is_found.get().then(|| unsafe { (*self.value.get()).assume_init_ref() })
    }
}
