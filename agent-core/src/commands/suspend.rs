//! `guest-suspend-disk`, `guest-suspend-ram` and `guest-suspend-hybrid`.

use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// What a guest answers for a way of sleeping that it does not have.
pub const NOT_SUPPORTED: Failure = Failure("the requested suspend mode is not supported by the guest");

/// How a guest sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// Its state goes to a disk, and the machine goes off.
    Disk,
    /// Its state stays in memory (ACPI S3).
    Ram,
    /// Both: the state goes to a disk, and the machine sleeps as long as its power lasts.
    Hybrid,
}

/// What the family needs of its guest. Only those ways of sleeping are asked for whose commands are linked.
pub trait Suspend {
    /// Goes to sleep; it may return before or after. The client gets no reply then.
    ///
    /// # Errors
    /// If the guest cannot sleep in this way ([`NOT_SUPPORTED`]) or not now; it goes on as before.
    fn suspend(&mut self, how: Sleep) -> Result<(), Failure>;
}

/// `guest-suspend-ram`.
#[must_use]
pub const fn ram_commands<G: Suspend>() -> &'static [Command<G>] {
    const { &[Command::new("guest-suspend-ram", ram).without_success_reply()] }
}

/// `guest-suspend-disk` and `guest-suspend-hybrid`, which need a place on a disk for the guest's memory.
#[must_use]
pub const fn disk_commands<G: Suspend>() -> &'static [Command<G>] {
    const {
        &[
            Command::new("guest-suspend-disk", disk).without_success_reply(),
            Command::new("guest-suspend-hybrid", hybrid).without_success_reply(),
        ]
    }
}

/// Writes the guest's memory to a disk and switches the machine off. There is no reply, unless it fails.
///
/// Errors: the guest cannot do this.
fn disk<G: Suspend>(guest: &mut G, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    suspend(guest, request, Sleep::Disk)
}

/// Suspends the guest to memory (ACPI S3). There is no reply, unless it fails.
///
/// Errors: the guest cannot do this.
fn ram<G: Suspend>(guest: &mut G, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    suspend(guest, request, Sleep::Ram)
}

/// Writes the guest's memory to a disk, and suspends it to memory. There is no reply, unless it fails.
///
/// Errors: the guest cannot do this.
fn hybrid<G: Suspend>(guest: &mut G, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    suspend(guest, request, Sleep::Hybrid)
}

fn suspend<G: Suspend>(guest: &mut G, request: &Request<'_>, how: Sleep) -> Result<Step, Error> {
    request.arguments().finish()?;
    guest.suspend(how)?;
    Ok(Step::Done)
}
