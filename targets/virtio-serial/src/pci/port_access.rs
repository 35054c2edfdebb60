//! Access to configuration space by a kernel's own functions for I/O ports.

use core::fmt;

use virtio_drivers::transport::pci::bus::{Cam, ConfigurationAccess, DeviceFunction};

/// The bit of an address that selects configuration space.
pub(super) const ENABLE: u32 = 1 << 31;

/// Configuration space behind two I/O ports of 32 bits, for kernels that have types of their own for ports (PCI Local Bus 3.0,
/// section 3.2.2.3.2). A PC has them at 0xcf8 and 0xcfc.
///
/// ```
/// use virtio_serial::pci::PortAccess;
///
/// # #[derive(Debug)]
/// struct Port { /* .. */ }
/// # impl Port {
/// #     fn read(&self) -> u32 { 0 }
/// #     fn write(&self, _: u32) {}
/// # }
///
/// fn look_for_consoles(address: &Port, data: &Port) {
///     let access = PortAccess::new(|word| address.write(word), || data.read(), |word| data.write(word));
///     for console in virtio_serial::pci::consoles(&access) { /* .. */ }
/// }
/// ```
#[derive(Clone)]
pub struct PortAccess<S, R, W> {
    select: S,
    read: R,
    write: W,
}

impl<S: Fn(u32), R: Fn() -> u32, W: Fn(u32)> PortAccess<S, R, W> {
    /// Makes an access of functions that write the address port, read the data port and write the data port. Nobody else may use
    /// the ports while one of the value's methods runs.
    pub const fn new(select: S, read: R, write: W) -> Self {
        Self { select, read, write }
    }

    fn select(&self, at: DeviceFunction, register: u8) {
        (self.select)(ENABLE | Cam::MmioCam.cam_offset(at, register));
    }
}

impl<S: Fn(u32) + Clone, R: Fn() -> u32 + Clone, W: Fn(u32) + Clone> ConfigurationAccess for PortAccess<S, R, W> {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        self.select(at, register);
        (self.read)()
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, word: u32) {
        self.select(at, register);
        (self.write)(word);
    }

    unsafe fn unsafe_clone(&self) -> Self {
        self.clone()
    }
}

impl<S, R, W> fmt::Debug for PortAccess<S, R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortAccess").finish_non_exhaustive()
    }
}
