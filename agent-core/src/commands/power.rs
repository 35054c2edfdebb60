//! `guest-shutdown`.

use crate::arguments::Text;
use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// How a guest goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Everything stops; the machine stays on.
    Halt,
    /// The machine goes off.
    PowerDown,
    /// The machine starts again.
    Reboot,
}

/// What the family needs of its guest.
pub trait Power {
    /// Goes down, in an orderly way. It need not return; if it does, the client gets no reply.
    ///
    /// # Errors
    /// If the guest cannot go down in this way; it goes on as before.
    fn shutdown(&mut self, how: Shutdown) -> Result<(), Failure>;
}

/// The family's commands.
#[must_use]
pub const fn commands<G: Power>() -> &'static [Command<G>] {
    const { &[Command::new("guest-shutdown", shutdown).without_success_reply()] }
}

/// Shuts the guest down. There is no reply, unless it fails.
///
/// - `mode` (optional): `powerdown` (the default), `reboot` or `halt`
///
/// Errors: another mode, a machine that cannot do this.
fn shutdown<G: Power>(guest: &mut G, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let mode: Option<Text<'_>> = arguments.optional("mode")?;
    arguments.finish()?;
    let modes = [("powerdown", Shutdown::PowerDown), ("halt", Shutdown::Halt), ("reboot", Shutdown::Reboot)];
    let how = match mode {
        None => Some(Shutdown::PowerDown),
        Some(mode) => modes.into_iter().find(|(name, _)| mode == **name).map(|(_, how)| how),
    };
    // The missing parenthesis is QEMU's.
    let how = how.ok_or(Failure("mode is invalid (valid values are: halt|powerdown|reboot"))?;
    guest.shutdown(how)?;
    Ok(Step::Done)
}
