//! Looking into a guest from outside, whatever state it is in.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::deadline::Deadline;
use crate::elf::Elf;
use crate::qmp::Qmp;
use crate::registers::explained;

/// The registers of all its processors, and in which functions of `kernel` they are.
///
/// # Errors
/// When there is no answer before the deadline.
pub fn registers(qmp: &mut Qmp, kernel: Option<&Elf>, deadline: Deadline) -> Result<String> {
    Ok(explained(&qmp.monitor("info registers -a", deadline)?, kernel))
}

/// Whether it runs, or why it does not, in QEMU's words: `running`, `paused`, `shutdown`, `internal-error` ...
///
/// # Errors
/// When there is no answer before the deadline.
pub fn status(qmp: &mut Qmp, deadline: Deadline) -> Result<String> {
    let status = qmp.execute("query-status", json!({}), deadline)?;
    Ok(status["status"].as_str().context("a status is a word")?.into())
}

/// Writes all of its memory into a file, as an ELF core that debuggers read. The guest stands still meanwhile.
///
/// # Errors
/// When the file cannot be written, or not before the deadline.
pub fn core(qmp: &mut Qmp, file: &Path, deadline: Deadline) -> Result<()> {
    let file = file.to_str().context("QEMU is told the path of a core as JSON, so it must be UTF-8")?;
    qmp.execute("dump-guest-memory", json!({"paging": false, "protocol": format!("file:{file}")}), deadline)?;
    Ok(())
}

/// Lets a debugger in: gdb's `target remote SOCKET`, with the path of a socket that QEMU makes. The guest goes on running.
///
/// # Errors
/// When QEMU cannot make the socket, or does not answer before the deadline.
pub fn debugger(qmp: &mut Qmp, socket: &Path, deadline: Deadline) -> Result<()> {
    let socket = socket.to_str().context("QEMU is told the path of a socket as text, so it must be UTF-8")?;
    let said = qmp.monitor(&format!("gdbserver unix:{socket},server=on,wait=off"), deadline)?;
    if said.starts_with("Waiting for gdb connection") { Ok(()) } else { bail!("QEMU's gdbserver: {}", said.trim()) }
}
