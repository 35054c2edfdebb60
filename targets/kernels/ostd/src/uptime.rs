//! A command of the kernel's own.

use nanoqga::{Command, Error, Reply, Request, Step};
use ostd::timer::Jiffies;

use crate::kernel::Kernel;

pub const COMMANDS: &[Command<Kernel>] = &[Command::new("ostd-uptime", uptime)];

/// Returns for how many milliseconds the kernel has run.
fn uptime(_: &mut Kernel, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    let milliseconds = u64::try_from(Jiffies::elapsed().as_duration().as_millis()).unwrap_or(u64::MAX);
    Ok(reply.whole(&milliseconds)?)
}
