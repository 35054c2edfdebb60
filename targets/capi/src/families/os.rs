//! `guest-get-osinfo`, `guest-get-host-name` and `guest-get-timezone`.

use core::ptr;

use nanoqga::Failure;
use nanoqga::commands::os;

use super::add;
use crate::agent::Nanoqga;
use crate::callbacks::os::{OsCallbacks, OsInfo};
use crate::guest::{Family, Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{from_c, outcome};

/// Adds the os family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_os(agent: *mut Nanoqga, callbacks: *const OsCallbacks) -> Status {
    let is_there = |callbacks: &OsCallbacks| {
        [callbacks.os_info.is_some(), callbacks.host_name.is_some(), callbacks.timezone.is_some()]
    };
    // SAFETY: The caller's promise.
    unsafe {
        add(
            agent,
            Family::Os,
            callbacks,
            const { &[os::commands(), os::name_commands(), os::timezone_commands()] },
            is_there,
            |guest| &mut guest.os,
        )
    }
}

impl os::Os for Guest {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        let mut info = OsInfo::default();
        // SAFETY: The kernel's callback, with its context, which may write the information; all that is in it is then NULL or a
        // text.
        unsafe {
            if let Some(fill) = self.os.os_info
                && !fill(self.context, &raw mut info).is_null()
            {
                // There is no error for this command: nothing is known, then.
                return os::OsInfo::default();
            }
            os::OsInfo {
                kernel_release: from_c(info.kernel_release),
                kernel_version: from_c(info.kernel_version),
                machine: from_c(info.machine),
                id: from_c(info.id),
                name: from_c(info.name),
                pretty_name: from_c(info.pretty_name),
                version: from_c(info.version),
                version_id: from_c(info.version_id),
                variant: from_c(info.variant),
                variant_id: from_c(info.variant_id),
            }
        }
    }
}

impl os::HostName for Guest {
    fn host_name(&mut self) -> Result<&str, Failure> {
        let mut name = ptr::null();
        // SAFETY: The kernel's callback, with its context, which may write the name, a text; what it returns is NULL or one.
        unsafe {
            outcome(self.os.host_name.ok_or(NO_CALLBACK)?(self.context, &raw mut name))?;
            from_c(name).ok_or(Failure("the guest has no name"))
        }
    }
}

impl os::LocalTime for Guest {
    fn timezone(&mut self) -> os::Timezone<'_> {
        let (mut offset, mut zone) = (0, ptr::null());
        // SAFETY: The kernel's callback, with its context, which may write both, the zone as a text.
        unsafe {
            match self.os.timezone {
                Some(tell) if tell(self.context, &raw mut offset, &raw mut zone).is_null() => {
                    os::Timezone { zone: from_c(zone), offset }
                }
                _ => os::Timezone { zone: Some("UTC"), offset: 0 },
            }
        }
    }
}
