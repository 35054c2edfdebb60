//! `guest-get-osinfo`, `guest-get-host-name` and `guest-get-timezone`: what the guest is called and what runs there.

use serde::Serialize;

use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// QEMU's `GuestOSInfo`. Members that are `None` are not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct OsInfo<'a> {
    /// The kernel's release, as `uname -r` tells it.
    pub kernel_release: Option<&'a str>,
    /// The kernel's version, as `uname -v` tells it.
    pub kernel_version: Option<&'a str>,
    /// The machine's architecture, as `uname -m` tells it: `x86_64`, `aarch64`, `riscv64`.
    pub machine: Option<&'a str>,
    /// The operating system's name in lower case, without spaces: os-release's `ID`.
    pub id: Option<&'a str>,
    /// The operating system's name: os-release's `NAME`.
    pub name: Option<&'a str>,
    /// The operating system's name with its version: os-release's `PRETTY_NAME`.
    pub pretty_name: Option<&'a str>,
    /// The operating system's version in words: os-release's `VERSION`.
    pub version: Option<&'a str>,
    /// The operating system's version as a number: os-release's `VERSION_ID`.
    pub version_id: Option<&'a str>,
    /// The edition's name: os-release's `VARIANT`.
    pub variant: Option<&'a str>,
    /// The edition's name in lower case, without spaces: os-release's `VARIANT_ID`.
    pub variant_id: Option<&'a str>,
}

/// QEMU's `GuestTimezone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timezone<'a> {
    /// The zone's name or abbreviation, such as `UTC`.
    pub zone: Option<&'a str>,
    /// Seconds east of UTC.
    pub offset: i32,
}

/// QEMU's `GuestHostName`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Name<'a> {
    host_name: &'a str,
}

/// What `guest-get-osinfo` needs of its guest.
pub trait Os {
    /// What runs there.
    fn os_info(&mut self) -> OsInfo<'_>;
}

/// What `guest-get-host-name` needs of its guest.
pub trait HostName {
    /// The guest's name in its network.
    ///
    /// # Errors
    /// If it has none.
    fn host_name(&mut self) -> Result<&str, Failure>;
}

/// What `guest-get-timezone` needs of its guest.
pub trait LocalTime {
    /// The guest's time zone. A guest that knows of none is in UTC.
    fn timezone(&mut self) -> Timezone<'_> {
        Timezone { zone: Some("UTC"), offset: 0 }
    }
}

/// `guest-get-osinfo`.
#[must_use]
pub const fn commands<G: Os>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-osinfo", os_info)] }
}

/// `guest-get-host-name`.
#[must_use]
pub const fn name_commands<G: HostName>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-host-name", host_name)] }
}

/// `guest-get-timezone`.
#[must_use]
pub const fn timezone_commands<G: LocalTime>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-timezone", timezone)] }
}

/// Tells what runs there.
///
/// Returns what is known of `kernel-release`, `kernel-version`, `machine`, `id`, `name`, `pretty-name`, `version`, `version-id`,
/// `variant` and `variant-id`.
fn os_info<G: Os>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    Ok(reply.whole(&guest.os_info())?)
}

/// Tells the guest's name in its network.
///
/// Returns `host-name`.
///
/// Errors: it has none.
fn host_name<G: HostName>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    Ok(reply.whole(&Name { host_name: guest.host_name()? })?)
}

/// Tells the guest's time zone.
///
/// Returns `offset`, in seconds east of UTC, and where it is known the `zone`.
fn timezone<G: LocalTime>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    Ok(reply.whole(&guest.timezone())?)
}
