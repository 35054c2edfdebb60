//! `guest-get-time` and `guest-set-time`.

use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// 2070-01-01T00:00:00Z in nanoseconds since 1970: QEMU takes no time from then on.
const END: i64 = 3_155_760_000 * 1_000_000_000;

/// What `guest-get-time` needs of its guest.
pub trait Clock {
    /// The guest's time, in nanoseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// If it has no clock.
    fn time(&mut self) -> Result<i64, Failure>;
}

/// What `guest-set-time` needs of its guest.
pub trait SetClock {
    /// Sets the guest's clock, and the machine's clock from it. `time` is in nanoseconds since 1970-01-01T00:00:00Z, and in the
    /// years 1970 to 2069.
    ///
    /// # Errors
    /// If the clock cannot be set.
    fn set_time(&mut self, time: i64) -> Result<(), Failure>;

    /// Sets the guest's clock from the machine's.
    ///
    /// # Errors
    /// If one of the clocks is missing.
    fn set_time_from_machine(&mut self) -> Result<(), Failure>;
}

/// `guest-get-time`.
#[must_use]
pub const fn commands<G: Clock>() -> &'static [Command<G>] {
    const { &[Command::new("guest-get-time", get_time)] }
}

/// `guest-set-time`.
#[must_use]
pub const fn set_commands<G: SetClock>() -> &'static [Command<G>] {
    const { &[Command::new("guest-set-time", set_time)] }
}

/// Tells the guest's time.
///
/// Returns nanoseconds since 1970-01-01T00:00:00Z.
///
/// Errors: the machine has no clock.
fn get_time<G: Clock>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    request.arguments().finish()?;
    Ok(reply.whole(&guest.time()?)?)
}

/// Sets the guest's clock and the machine's.
///
/// - `time` (optional): nanoseconds since 1970-01-01T00:00:00Z, in the years 1970 to 2069; without it the guest's clock is set from
///   the machine's
///
/// Errors: a time out of range, a machine without a clock.
fn set_time<G: SetClock>(guest: &mut G, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let time: Option<i64> = arguments.optional("time")?;
    arguments.finish()?;
    match time {
        None => guest.set_time_from_machine()?,
        Some(time @ 0..END) => guest.set_time(time)?,
        // QEMU's agent drops the fraction of a second, which leaves 1970; Linux then refuses to go back that far.
        Some(-999_999_999..0) => return Err(Failure("Failed to set time to guest: Invalid argument").into()),
        Some(_) => return Err(Failure("Invalid time").into()),
    }
    Ok(Step::Done)
}
