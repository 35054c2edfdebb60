//! `os`: the kernel's names, those of the operating system, the host's name, and the time zone.

use nanoqga::Failure;
use nanoqga::commands::os::{HostName, LocalTime, Os, OsInfo, Timezone};
use rustix::system::uname;
use rustix::time::{ClockId, clock_gettime};

use super::Guest;
use crate::system::time_zone;

impl Os for Guest {
    fn os_info(&mut self) -> OsInfo<'_> {
        // Of the kernel's names only the host's changes.
        let kernel = self.kernel.get_or_insert_with(uname);
        let release = self.release.release(&self.options.os_release);
        OsInfo {
            kernel_release: kernel.release().to_str().ok(),
            kernel_version: kernel.version().to_str().ok(),
            machine: kernel.machine().to_str().ok(),
            id: release.id.as_deref(),
            name: release.name.as_deref(),
            pretty_name: release.pretty_name.as_deref(),
            version: release.version.as_deref(),
            version_id: release.version_id.as_deref(),
            variant: release.variant.as_deref(),
            variant_id: release.variant_id.as_deref(),
        }
    }
}

impl HostName for Guest {
    fn host_name(&mut self) -> Result<&str, Failure> {
        let kernel = self.kernel.insert(uname());
        kernel.nodename().to_str().map_err(|_| Failure("the host name is not UTF-8"))
    }
}

impl LocalTime for Guest {
    fn timezone(&mut self) -> Timezone<'_> {
        let (offset, zone) = time_zone::local(clock_gettime(ClockId::Realtime).tv_sec);
        self.zone = zone;
        Timezone { zone: Some(&self.zone), offset }
    }
}
