//! What the agent knows of this kernel, and the short answers: version, name, clock, power.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use ax_std::fs::File;
use ax_std::os::arceos::modules::ax_hal::time::{set_wall_time, wall_time};
use ax_std::os::arceos::modules::ax_net::{InterfaceInfo, NetDevStats, RouteInfo};
use nanoqga::Failure;
use nanoqga::commands::power::Shutdown;
use nanoqga::commands::{info, os, power, time};

/// What a host can ask of this kernel.
#[derive(Default)]
pub struct Kernel {
    /// How the host told the kernel to end.
    pub end: Option<Shutdown>,
    /// Open files by their handles.
    pub files: BTreeMap<i64, File>,
    pub last_handle: i64,
    // Lists that one reply is made from. They are read again for its first element.
    pub interfaces: Vec<InterfaceInfo>,
    pub traffic: Vec<NetDevStats>,
    pub default_routes: Vec<RouteInfo>,
}

impl info::Identity for Kernel {
    fn version(&self) -> &str {
        "1.0.0"
    }
}

impl os::Os for Kernel {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        os::OsInfo {
            id: Some("arceos"),
            name: Some("ArceOS"),
            machine: Some(env!("ARCHITECTURE")),
            ..os::OsInfo::default()
        }
    }
}

impl os::HostName for Kernel {
    fn host_name(&mut self) -> Result<&str, Failure> {
        Ok("arceos")
    }
}

impl time::Clock for Kernel {
    fn time(&mut self) -> Result<i64, Failure> {
        i64::try_from(wall_time().as_nanos()).map_err(|_| Failure("the clock is beyond the year 2262"))
    }
}

impl time::SetClock for Kernel {
    fn set_time(&mut self, time: i64) -> Result<(), Failure> {
        set_wall_time(Duration::from_nanos(time.unsigned_abs()))
            .map_err(|_| Failure("the clock cannot be set to before its start"))
    }

    fn set_time_from_machine(&mut self) -> Result<(), Failure> {
        Err(Failure("ArceOS reads the machine's clock only when it starts"))
    }
}

impl power::Power for Kernel {
    fn shutdown(&mut self, how: Shutdown) -> Result<(), Failure> {
        if how == Shutdown::Halt {
            return Err(Failure("this kernel can only be switched off or started again"));
        }
        self.end = Some(how);
        Ok(())
    }
}
