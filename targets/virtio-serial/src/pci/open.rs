//! From configuration space to a port's driver in one step.

use core::fmt;
use core::ops::Range;

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::ConfigurationAccess;
use virtio_drivers::{Hal, PhysAddr};

use super::console::{consoles, enable};
use super::error::PciError;
use crate::transport::{PciTransport, Registers};
use crate::{Error, VirtioSerial};

/// The port of a virtio console on PCI.
#[derive(Debug)]
pub struct PciPort<H: Hal, R: Registers> {
    /// Its driver.
    pub driver: VirtioSerial<H, PciTransport<R>>,
    /// What firmware wrote to the register Interrupt Line, as in [`PciConsole`](super::PciConsole).
    pub interrupt_line: Option<u8>,
}

/// Why no port was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no virtio console on any bus.
    NoConsole,
    /// The first console cannot be used.
    Console(PciError),
    /// The kernel did not map its registers.
    NotMapped,
    /// The driver did not start.
    Driver(Error),
}

impl OpenError {
    /// The same in words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoConsole => "no virtio console on PCI",
            Self::Console(error) => error.reason(),
            Self::NotMapped => "the console's registers could not be mapped",
            Self::Driver(error) => error.reason(),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for OpenError {}

/// Starts the driver of the first virtio console on any bus, for the port with this name. `map` maps physical addresses as device
/// memory; several of the ranges may lie in one page.
///
/// # Errors
/// There is no such console, or it cannot be used. It is not known yet whether the console has a port of that name:
/// [`Event::Found`](crate::Event::Found) says so.
pub fn open<H: Hal, R: Registers, C: ConfigurationAccess>(
    access: &mut C,
    name: &'static str,
    map: impl FnMut(Range<PhysAddr>) -> Option<R>,
) -> Result<PciPort<H, R>, OpenError> {
    let at = consoles(access).next().ok_or(OpenError::NoConsole)?;
    let console = enable(access, at).map_err(OpenError::Console)?;
    let structures = console.structures.try_map(map).ok_or(OpenError::NotMapped)?;
    // The sizes of the windows are those that the device says.
    let transport =
        PciTransport::new(DeviceType::Console, structures).map_err(|_| OpenError::Console(PciError::Malformed))?;
    let driver = VirtioSerial::new(transport, name).map_err(OpenError::Driver)?;
    Ok(PciPort { driver, interrupt_line: console.interrupt_line })
}
