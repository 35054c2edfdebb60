//! A command of the kernel's own.

use ax_std::os::arceos::modules::{ax_alloc::global_allocator, ax_hal::mem::total_ram_size};
use nanoqga::{Command, Error, Kind, Reply, Request, Step};

use crate::kernel::Kernel;

pub const COMMANDS: &[Command<Kernel>] = &[Command::new("arceos-memory", memory)];

/// Returns how much memory the machine has (`total`), and how much of it nothing uses (`free`), in bytes.
fn memory(_: &mut Kernel, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    reply.open(Kind::Object)?;
    reply.member("total", &total_ram_size())?;
    reply.member("free", &global_allocator().available_bytes())?;
    Ok(Step::Done)
}
