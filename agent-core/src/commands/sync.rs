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

/// Returns a number of the host's choice, so that the host knows that all replies before it were to earlier requests.
///
/// - `id`: an integer
///
/// Returns `id`.
fn sync<G>(_: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let id: i64 = arguments.required("id")?;
    arguments.finish()?;
    Ok(reply.whole(&id)?)
}

/// The same, with the byte 0xFF before the reply. A host that finds replies of an earlier host in the channel skips to that byte.
/// It should send 0xFF before the request, too: the agent then drops what it has read of an earlier message.
///
/// - `id`: an integer
///
/// Returns `id`.
fn sync_delimited<G>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let step = sync(guest, request, reply)?;
    reply.delimit();
    Ok(step)
}
