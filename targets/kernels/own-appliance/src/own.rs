//! The commands that only this appliance has.

use appliance::guest::Guest;
use appliance::state::Appliance;
use machine::monotonic_ns;
use nanoqga::{Error, Failure, Reply, Request, Step};
use serde::Serialize;

/// Returns how many nanoseconds ago the guest has started.
pub fn get_uptime(_: &mut Guest<Appliance>, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    let uptime = monotonic_ns().ok_or(Failure("this machine has no clock"))?;
    Ok(reply.whole(&uptime)?)
}

/// A range of memory, in bytes.
#[derive(Serialize)]
struct Range {
    start: u64,
    end: u64,
}

/// Returns a list of what RAM there is, an element a step.
pub fn get_memory_map(
    guest: &mut Guest<Appliance>,
    request: &mut Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Step, Error> {
    if request.step() == 0 {
        request.arguments().finish()?;
    }
    let ram = guest.machine.ram().get(request.step());
    reply.element(Ok(ram.map(|ram| Range { start: ram.start, end: ram.end })))
}
