//! A device's I/O ports, which lie in memory here.

use core::ptr;

use zerocopy::{FromBytes, IntoBytes};

/// The I/O ports of a device.
#[derive(Debug)]
pub(crate) struct IoPorts(usize);

#[cfg_attr(not(feature = "rare-machines"), expect(dead_code, reason = "nothing else has such ports"))]
impl IoPorts {
    /// Those whose first one is at an address.
    ///
    /// # Safety
    /// They must be ports of a device that reaches memory only where its driver points it, mapped for ever, and used by no one else.
    pub(super) const unsafe fn new(address: u64) -> Self {
        Self(address as usize)
    }

    /// Reads a register.
    pub(crate) fn read<T: FromBytes>(&self, register: u16) -> T {
        // SAFETY: `new` was promised that it is a device's. Whoever names it knows its size.
        unsafe { ptr::with_exposed_provenance::<T>(self.0 + usize::from(register)).read_volatile() }
    }

    /// Writes to a register.
    pub(crate) fn write<T: IntoBytes>(&mut self, register: u16, value: T) {
        // SAFETY: As above.
        unsafe { ptr::with_exposed_provenance_mut::<T>(self.0 + usize::from(register)).write_volatile(value) }
    }
}
