//! `guest-get-devices`: devices and the drivers that they have.

use serde::Serialize;

use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// A device that has a driver: QEMU's `GuestDeviceInfo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Device<'a> {
    /// The driver's name.
    pub driver_name: &'a str,
    /// When the driver was made, in nanoseconds since 1970-01-01T00:00:00Z.
    pub driver_date: Option<i64>,
    /// The driver's version.
    pub driver_version: Option<&'a str>,
    /// What the device is.
    pub id: Option<PciId>,
}

/// QEMU's `GuestDeviceIdPCI`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "pci", rename_all = "kebab-case")]
pub struct PciId {
    /// The vendor, as the PCI configuration space has it.
    pub vendor_id: u16,
    /// The device, as the PCI configuration space has it.
    pub device_id: u16,
}

/// What `guest-get-devices` needs of its guest.
pub trait Devices {
    /// The `index`-th device that has a driver, if there are as many.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn device(&mut self, index: usize) -> Result<Option<Device<'_>>, Failure>;
}

/// The family's commands.
#[must_use]
pub const fn commands<G: Devices>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-devices", devices).packed()] }
}

/// Tells the devices that have a driver. Only on Windows has QEMU's agent this command.
///
/// Returns a list: of each its `driver-name`, and where they are known `driver-date`, `driver-version` and `id`.
fn devices<G: Devices>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let step = request.step();
    if step == 0 {
        request.arguments().finish()?;
    }
    reply.element(guest.device(step))
}
