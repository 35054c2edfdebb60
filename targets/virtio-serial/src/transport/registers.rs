//! Access to a device's registers.

use core::ptr::NonNull;

/// A window of a device's registers.
///
/// Offsets are in bytes from the beginning of the window. This crate passes only offsets at which the whole register lies within
/// [`size`](Self::size), and which are multiples of the register's size. Each call must be one access of exactly that width, must
/// not be reordered with the other calls, and must not panic.
///
/// [`impl_registers`](crate::impl_registers) implements it by two expressions.
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

/// Implements [`Registers`] for a type whose accesses are the same for each width: two expressions that compile for `u8`, `u16` and
/// `u32`.
///
/// ```
/// use virtio_serial::impl_registers;
///
/// /// Device memory of a kernel, with checked accesses. Offsets outside of it are an error.
/// # #[derive(Debug)]
/// struct IoMem { /* .. */ }
/// # impl IoMem {
/// #     fn size(&self) -> usize { 0 }
/// #     fn read<T: Default>(&self, _: usize) -> Result<T, ()> { Err(()) }
/// #     fn write<T>(&self, _: usize, _: T) -> Result<(), ()> { Err(()) }
/// # }
///
/// impl_registers! {
///     for IoMem,
///     size: |memory| memory.size(),
///     read: |memory, offset| memory.read(offset).unwrap_or_default(),
///     write: |memory, offset, value| _ = memory.write(offset, value),
/// }
/// ```
#[macro_export]
macro_rules! impl_registers {
    (
        for $type:ty,
        size: |$sized:ident| $size:expr,
        read: |$reader:ident, $from:ident| $read:expr,
        write: |$writer:ident, $to:ident, $value:ident| $write:expr $(,)?
    ) => {
        impl $crate::transport::Registers for $type {
            fn size(&self) -> usize {
                let $sized = self;
                $size
            }

            $crate::impl_registers!(@ read_u8 write_u8 u8, $reader $from $read, $writer $to $value $write);
            $crate::impl_registers!(@ read_u16 write_u16 u16, $reader $from $read, $writer $to $value $write);
            $crate::impl_registers!(@ read_u32 write_u32 u32, $reader $from $read, $writer $to $value $write);
        }
    };
    (
        @ $read_as:ident $write_as:ident $width:ty,
        $reader:ident $from:ident $read:expr, $writer:ident $to:ident $value:ident $write:expr
    ) => {
        fn $read_as(&self, $from: usize) -> $width {
            let $reader = self;
            $read
        }

        fn $write_as(&self, $to: usize, $value: $width) {
            let $writer = self;
            $write
        }
    };
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

impl_registers! {
    for MappedRegisters,
    size: |registers| registers.size,
    read: |registers, offset| registers.read(offset),
    write: |registers, offset, value| registers.write(offset, value),
}
