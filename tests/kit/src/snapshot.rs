//! States of a guest that is kept in QEMU's own file, and can be had again in some milliseconds.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::deadline::Deadline;
use crate::process::output;
use crate::qmp::Qmp;

/// A disk that no device has. A state lies behind its end, so its own size does not matter.
const SIZE: &str = "1M";
const CREATE: Duration = Duration::from_secs(60);

/// Makes the file for them.
pub(crate) fn make_room(file: &Path) -> Result<()> {
    let mut create = Command::new("qemu-img");
    create.args(["create", "-q", "-f", "qcow2"]).arg(file).arg(SIZE);
    output(&mut create, CREATE).context("a guest that is saved needs qemu-img; Debian has it in qemu-utils")?;
    Ok(())
}

/// Keeps the state of a guest under a name. Its agent should have nothing to say in this moment: bytes that are on their way
/// are not part of the state.
///
/// # Errors
/// When a disk or device of the guest cannot be saved, or there is no answer before the deadline.
pub fn save(qmp: &mut Qmp, name: &str, deadline: Deadline) -> Result<()> {
    monitor(qmp, "savevm", name, deadline)
}

/// Puts a guest back into a state, and lets it run. Its clock and its random numbers are those of then. An agent's connections
/// stay open, and must get in step anew.
///
/// # Errors
/// When there is no such state, or no answer before the deadline.
pub fn restore(qmp: &mut Qmp, name: &str, deadline: Deadline) -> Result<()> {
    monitor(qmp, "loadvm", name, deadline)
}

fn monitor(qmp: &mut Qmp, command: &str, name: &str, deadline: Deadline) -> Result<()> {
    match qmp.monitor(&format!("{command} {name}"), deadline)?.trim() {
        "" => Ok(()),
        complaint => bail!("QEMU's {command}: {complaint}"),
    }
}
