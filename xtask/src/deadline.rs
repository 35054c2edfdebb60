//! Every wait ends at a [`Deadline`], which only a hang reaches.

use std::env;
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The limit of most waits, and the least that any wait for an event has. [`factor`] lengthens it.
pub const SOON: Duration = Duration::from_secs(60);

/// The environment variable that holds the [`factor`] for child processes, so that all of them use the same one.
pub const PATIENCE: &str = "NANOQGA_PATIENCE";

/// How often a condition that cannot wake us is looked at.
const POLL: Duration = Duration::from_millis(1);

/// A fixed piece of work: a process that is spawned, and computes.
const WORK: &str = "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done";

/// How long [`WORK`] takes on an idle machine.
const WORK_WHEN_IDLE: Duration = Duration::from_millis(150);

/// How many times slower than an ordinary idle machine this one is, rounded up: 1 or more. [`PATIENCE`] gives it, or it is
/// measured at the first call.
pub fn factor() -> u32 {
    static FACTOR: OnceLock<u32> = OnceLock::new();
    *FACTOR.get_or_init(|| {
        let given = env::var(PATIENCE).ok().and_then(|factor| factor.parse().ok());
        given.unwrap_or_else(measured).max(1)
    })
}

fn measured() -> u32 {
    let start = Instant::now();
    // Without a shell there is nothing to measure, and the machine counts as an ordinary one.
    let _ = Command::new("sh").args(["-c", WORK]).status();
    start.elapsed().div_duration_f64(WORK_WHEN_IDLE).ceil() as u32
}

/// A deadline for whatever takes no more than moments on an idle machine.
pub fn soon() -> Deadline {
    Deadline::patient(SOON)
}

/// A moment after which waiting ends, and the limit it came from, for the message.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    limit: Duration,
    end: Instant,
}

impl Deadline {
    /// The moment `limit` from now, however slow the machine is. For waits that may well end without their event.
    pub fn after(limit: Duration) -> Self {
        Self { limit, end: Instant::now() + limit }
    }

    /// A moment that only a hang reaches: `limit` from now, or [`SOON`] if that is longer, times the [`factor`].
    pub fn patient(limit: Duration) -> Self {
        Self::after(limit.max(SOON) * factor())
    }

    /// [`Deadline::patient`], for a limit in seconds.
    pub fn seconds(seconds: u64) -> Self {
        Self::patient(Duration::from_secs(seconds))
    }

    /// The limit this deadline was made with.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The time left, or none when it has passed. Never zero, so it may become a socket's timeout.
    pub fn remaining(&self) -> Option<Duration> {
        self.end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Looks until `look` finds something. An error says that `what` did not happen in time.
    ///
    /// # Errors
    /// When `look` fails, or has found nothing at the deadline.
    pub fn poll<T>(&self, what: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        self.poll_every(POLL, what, look)
    }

    /// [`Deadline::poll`] with a pause between two looks, where a look takes much work or changes what it looks at.
    ///
    /// # Errors
    /// When `look` fails, or has found nothing at the deadline.
    pub fn poll_every<T>(&self, pause: Duration, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if self.remaining().is_none() {
                bail!("{what}: not within {:.1} s", self.limit.as_secs_f64());
            }
            thread::sleep(pause); // polls: what the caller names
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poll_gives_what_was_found() {
        let mut looks = 0;
        let found = soon().poll("the third look", || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(found.unwrap(), 3);
    }

    #[test]
    fn poll_ends_with_a_message_that_names_the_wait() {
        let error = Deadline::after(Duration::from_millis(20)).poll("nothing", || Ok(None::<()>)).unwrap_err();
        assert_eq!(error.to_string(), "nothing: not within 0.0 s");
    }

    #[test]
    fn no_limit_of_an_event_is_below_a_minute() {
        assert_eq!(soon().limit(), SOON * factor());
        assert_eq!(Deadline::seconds(5).limit(), SOON * factor());
        assert_eq!(Deadline::seconds(90).limit(), Duration::from_secs(90) * factor());
    }
}
