//! What is left of a guest that panicked.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{Booted, soon};
use xtask::machine::Channel;

#[test]
fn a_panic_is_printed_and_ends_qemu_with_an_odd_status() -> Result<()> {
    for machine in ["q35", "pc"] {
        let Booted { agent: _agent, mut guest } = Booted::with(machine, Channel::Virtio, |config| {
            config.debug_exit = true;
            config.append = "debug-exit=0xf4".into();
        })?;
        let mut qmp = guest.qmp(soon())?;
        // QEMU may be gone before it can answer. If it was not asked at all, it does not go.
        let _ = qmp.execute("inject-nmi", json!({}), soon());
        let status = guest.wait(soon())?;
        // The device at 0xf4 makes status 2n + 1 of what is written to it.
        ensure!(status.code().is_some_and(|code| code % 2 == 1), "{machine}: QEMU ended with {status}");
        guest.console_shows("panic", soon())?;
    }
    Ok(())
}
