//! `guest-sync` and `guest-sync-delimited`: how a host finds the beginning of the replies to its own requests.

use crate::command::{Command, Request};
use crate::error::Error;
use crate::reply::{Reply, Step};

/// The family's commands. They need nothing of the guest.
#[must_use]
pub const fn commands<G>() -> &'static [Command<G>] {
    const {
        &[
            Command::new("guest-sync", sync).while_frozen(),
            Command::new("guest-sync-delimited", sync_delimited).while_frozen(),
        ]
    }
}

fn sync<G>(_: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let id: i64 = arguments.required("id")?;
    arguments.finish()?;
    Ok(reply.whole(&id)?)
}

fn sync_delimited<G>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let step = sync(guest, request, reply)?;
    reply.delimit();
    Ok(step)
}
