//! `guest-fsfreeze-status`, `-freeze`, `-freeze-list` and `-thaw`: file systems that hold still while a host copies their
//! disks. Between freeze and thaw only commands that write nothing are enabled.

use crate::arguments::{List, Text};
use crate::cause::Cause;
use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// What the family needs of its guest.
pub trait Freeze {
    /// Brings the file systems mounted at `mountpoints`, or all without such a list, to a consistent state on their disks and
    /// holds all writes to them back. A file system that is frozen already, or cannot be, is passed over. Returns how many
    /// were frozen.
    ///
    /// # Errors
    /// If one could not be frozen that should have been; all are thawed then.
    fn freeze(&mut self, mountpoints: Option<List<'_, Text<'_>>>, cause: &mut Cause) -> Result<usize, Failure>;

    /// Lets the writes to all file systems go on; returns how many were frozen. With none frozen it does nothing.
    ///
    /// # Errors
    /// If one stays frozen.
    fn thaw(&mut self, cause: &mut Cause) -> Result<usize, Failure>;
}

/// The family's commands.
#[must_use]
pub const fn commands<G: Freeze>() -> &'static [Command<G>] {
    const {
        &[
            Command::new("guest-fsfreeze-status", status).while_frozen(),
            Command::new("guest-fsfreeze-freeze", freeze),
            Command::new("guest-fsfreeze-freeze-list", freeze_list),
            Command::new("guest-fsfreeze-thaw", thaw).while_frozen(),
        ]
    }
}

/// Tells whether file systems are frozen.
///
/// Returns `thawed` or `frozen`. As long as it is `frozen`, only commands that write nothing are enabled.
fn status<G>(_: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    Ok(reply.whole(if request.is_frozen() { "frozen" } else { "thawed" })?)
}

/// Freezes all file systems: writes what is in memory to the disks and holds further writes back, so that a copy of the disks is
/// consistent.
///
/// Returns how many were frozen.
///
/// Errors: one could not be frozen. All are thawed then.
fn freeze<G: Freeze>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    let outcome = guest.freeze(None, reply.cause());
    frozen(outcome, request, reply)
}

/// Freezes some file systems.
///
/// - `mountpoints` (optional): a list of strings; default all
///
/// Returns how many were frozen.
///
/// Errors: one could not be frozen. All are thawed then.
fn freeze_list<G: Freeze>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let mountpoints = arguments.optional("mountpoints")?;
    arguments.finish()?;
    let outcome = guest.freeze(mountpoints, reply.cause());
    frozen(outcome, request, reply)
}

/// A guest with nothing frozen is not in the frozen state.
fn frozen(outcome: Result<usize, Failure>, request: &Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.set_frozen(outcome.is_ok_and(|count| count > 0));
    Ok(reply.whole(&outcome?)?)
}

/// Thaws all file systems.
///
/// Returns how many were thawed.
///
/// Errors: one stays frozen.
fn thaw<G: Freeze>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    let count = guest.thaw(reply.cause())?;
    request.set_frozen(false);
    Ok(reply.whole(&count)?)
}
