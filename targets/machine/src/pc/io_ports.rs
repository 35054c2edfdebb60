//! A device's I/O ports.

use x86_64::structures::port::{PortRead, PortWrite};

/// The I/O ports of a device.
#[derive(Debug)]
pub(crate) struct IoPorts(u16);

#[cfg_attr(not(feature = "rare-machines"), expect(dead_code, reason = "nothing else has such ports"))]
impl IoPorts {
    /// Those from `first` on.
    ///
    /// # Safety
    /// They must be ports of a device that reaches memory only where its driver points it, and used by no one else.
    pub(super) const unsafe fn new(first: u16) -> Self {
        Self(first)
    }

    /// Reads a register.
    pub(crate) fn read<T: PortRead>(&self, register: u16) -> T {
        // SAFETY: `new` was promised that it is a device's.
        unsafe { T::read_from_port(self.0.wrapping_add(register)) }
    }

    /// Writes to a register.
    pub(crate) fn write<T: PortWrite>(&mut self, register: u16, value: T) {
        // SAFETY: As above.
        unsafe { T::write_to_port(self.0.wrapping_add(register), value) }
    }
}
