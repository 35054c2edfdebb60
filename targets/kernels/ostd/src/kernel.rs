//! What the agent knows of this kernel.

use nanoqga::Failure;
use nanoqga::commands::power::Shutdown;
use nanoqga::commands::{info, os, power};

/// What a host can ask of this kernel.
#[derive(Default)]
pub struct Kernel {
    /// How the host told the kernel to end.
    pub end: Option<Shutdown>,
}

impl info::Identity for Kernel {
    fn version(&self) -> &str {
        "1.0.0"
    }
}

impl os::Os for Kernel {
    fn os_info(&mut self) -> os::OsInfo<'_> {
        os::OsInfo { id: Some("ostd"), name: Some("OSTD"), machine: Some("x86_64"), ..os::OsInfo::default() }
    }
}

impl os::HostName for Kernel {
    fn host_name(&mut self) -> Result<&str, Failure> {
        Ok("ostd")
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
