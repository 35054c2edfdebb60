//! `guest-ping` and `guest-info`: whether there is an agent, and what it can do.

use crate::command::{Command, Request};
use crate::error::Error;
use crate::reply::{Kind, Reply, Step};

/// What `guest-info` needs to know.
pub trait Identity {
    /// The agent's version, as three numbers with dots between: clients take it apart.
    fn version(&self) -> &str;
}

/// The family's commands.
#[must_use]
pub const fn commands<G: Identity>() -> &'static [Command<G>] {
    const { &[Command::new("guest-ping", ping).while_frozen(), Command::new("guest-info", info).while_frozen().packed()] }
}

/// Does nothing, so that a host sees that the agent answers.
fn ping<G>(_: &mut G, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    Ok(Step::Done)
}

/// Tells which commands the agent knows.
///
/// Returns `version`, three numbers with dots between, and `supported_commands`, a list: of each its `name`, whether it is
/// `enabled`, and whether it has a `success-response`. One without replies only when it fails.
fn info<G: Identity>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    // `GuestAgentInfo`, a command a step: the list is longer than the stage.
    let step = request.step();
    if step == 0 {
        request.arguments().finish()?;
        reply.open(Kind::Object)?;
        reply.member("version", guest.version())?;
        reply.open_member("supported_commands", Kind::Array)?;
    }
    let Some(command) = reply.next_element(Ok(request.next_command()))? else { return Ok(Step::Done) };
    // Hosts ask for this often, and but for the name there are only four things to say.
    let rest = match (command.enabled, command.success_response) {
        (true, true) => "\",\"enabled\":true,\"success-response\":true}",
        (true, false) => "\",\"enabled\":true,\"success-response\":false}",
        (false, true) => "\",\"enabled\":false,\"success-response\":true}",
        (false, false) => "\",\"enabled\":false,\"success-response\":false}",
    };
    let added = reply.named(command.name, rest);
    reply.end_element(added)
}
