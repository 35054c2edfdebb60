//! `guest-sync` and `guest-sync-delimited`: how a host finds the beginning of the replies to its own requests.

use crate::command::{Command, Reply, Request, Step};
use crate::error::Error;

/// The family's commands. They need nothing of the guest.
#[must_use]
pub const fn commands<G>() -> &'static [Command<G>] {
    const { &[Command::new("guest-sync", sync), Command::new("guest-sync-delimited", sync_delimited)] }
}

fn sync<'m, G>(_: &mut G, request: Request<'m>, reply: &mut Reply<'_>) -> Result<Step, Error<'m>> {
    let mut arguments = request.arguments();
    let id: i64 = arguments.required("id")?;
    arguments.finish()?;
    Ok(reply.whole(&id)?)
}

fn sync_delimited<'m, G>(guest: &mut G, request: Request<'m>, reply: &mut Reply<'_>) -> Result<Step, Error<'m>> {
    let step = sync(guest, request, reply)?;
    reply.delimit();
    Ok(step)
}
