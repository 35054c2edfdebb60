//! The kernels' own tests, which their agents run.

use std::process::Command;

use anyhow::{Result, ensure};
use tests::Booted;
use tests::images::nanoqga;

use crate::arceos;
use crate::kernel::Kernel;
use crate::{BOOTLOADER, CORTEX_M, OSTD, OWN_APPLIANCE, UEFI};

/// Has the test kit's program run all tests of a kernel. One that must panic is its last: nothing runs behind it.
fn all_pass(kernel: &Kernel) -> Result<()> {
    let Booted { agent, guest } = kernel.boot()?;
    // The program is the agent's only host.
    drop(agent);
    let mut test = Command::new(nanoqga()?);
    let said = test.arg("--socket").arg(guest.folder().join("agent0.sock")).arg("test").output()?;
    let stdout = String::from_utf8_lossy(&said.stdout);
    let passed = stdout.lines().filter(|line| line.starts_with("test ") && line.ends_with(" ok")).count();
    ensure!(said.status.success() && passed >= 3, "{stdout}{}{}", String::from_utf8_lossy(&said.stderr), guest.tails());
    Ok(())
}

macro_rules! of {
    ($($name:ident: $kernel:expr;)*) => {$(
        #[test]
        fn $name() -> Result<()> {
            all_pass(&$kernel)
        }
    )*};
}

of! {
    own_appliance_tested: Kernel { name: "own-appliance-tested", ..OWN_APPLIANCE };
    cortex_m_tested: Kernel { name: "cortex-m-tested", ..CORTEX_M };
    uefi_tested: Kernel { name: "uefi-tested", ..UEFI };
    bootloader_tested: Kernel { name: "bootloader-tested", ..BOOTLOADER };
    arceos_tested: Kernel { name: "arceos-tested", ..arceos::AARCH64 };
    ostd_tested: Kernel { name: "ostd-tested", ..OSTD };
}
