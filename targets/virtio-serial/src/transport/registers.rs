//! Access to a device's registers.

use core::ptr::NonNull;

/// A window of a device's registers.
///
/// Offsets are in bytes from the beginning of the window. This crate passes only offsets at which the whole register lies within
/// [`size`](Self::size), and which are multiples of the register's size. Each call must be one access of exactly that width, must
/// not be reordered with the other calls, and must not panic.
///
/// All methods take `&self`, because a register is not memory that the window owns: a device may change it at any time.
pub trait Registers {
    /// Size of the window in bytes.
    fn size(&self) -> usize;

    /// Reads a register of 8 bits.
    fn read_u8(&self, offset: usize) -> u8;

    /// Reads a register of 16 bits.
    fn read_u16(&self, offset: usize) -> u16;

    /// Reads a register of 32 bits.
    fn read_u32(&self, offset: usize) -> u32;

    /// Writes a register of 8 bits.
    fn write_u8(&self, offset: usize, value: u8);

    /// Writes a register of 16 bits.
    fn write_u16(&self, offset: usize, value: u16);

    /// Writes a register of 32 bits.
    fn write_u32(&self, offset: usize, value: u32);
}

/// Registers that are mapped at a virtual address, for kernels with raw access to them.
///
/// Reads outside of the window return 0, and writes outside of it are ignored.
#[derive(Clone, Copy, Debug)]
pub struct MappedRegisters {
    start: NonNull<u8>,
    size: usize,
}

impl MappedRegisters {
    /// Makes a window of the `size` bytes at `start`.
    ///
    /// # Safety
    /// The bytes must be registers of a device, mapped as device memory, for as long as the value or a copy of it is used. No Rust
    /// reference may point to them.
    pub const unsafe fn new(start: NonNull<u8>, size: usize) -> Self {
        Self { start, size }
    }

    /// Returns the address of a register, if it is aligned and lies in the window.
    fn register<T>(&self, offset: usize) -> Option<*mut T> {
        let register = self.start.as_ptr().wrapping_add(offset).cast::<T>();
        let is_inside = offset.checked_add(size_of::<T>()).is_some_and(|end| end <= self.size);
        (is_inside && register.is_aligned()).then_some(register)
    }

    fn read<T: Default>(&self, offset: usize) -> T {
        // SAFETY: `register` checked the offset, and the caller of `new` promised that the window is mapped. `T` is an integer.
        self.register::<T>(offset).map_or_else(T::default, |register| unsafe { register.read_volatile() })
    }

    fn write<T>(&self, offset: usize, value: T) {
        if let Some(register) = self.register::<T>(offset) {
            // SAFETY: as in `read`.
            unsafe { register.write_volatile(value) };
        }
    }
}

// SAFETY: by the promise to `new`, the registers are mapped for every thread that uses the value.
unsafe impl Send for MappedRegisters {}

// SAFETY: a shared window only does volatile accesses of single registers. The device orders those, and no Rust reference points to
// the registers.
unsafe impl Sync for MappedRegisters {}

impl Registers for MappedRegisters {
    fn size(&self) -> usize {
        self.size
    }

    fn read_u8(&self, offset: usize) -> u8 {
        self.read(offset)
    }

    fn read_u16(&self, offset: usize) -> u16 {
        self.read(offset)
    }

    fn read_u32(&self, offset: usize) -> u32 {
        self.read(offset)
    }

    fn write_u8(&self, offset: usize, value: u8) {
        self.write(offset, value);
    }

    fn write_u16(&self, offset: usize, value: u16) {
        self.write(offset, value);
    }

    fn write_u32(&self, offset: usize, value: u32) {
        self.write(offset, value);
    }
}
