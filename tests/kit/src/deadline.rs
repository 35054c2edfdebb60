//! Nothing here waits for ever: every wait ends at a [`Deadline`].

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition that cannot wake us is looked at.
const POLL: Duration = Duration::from_millis(1);

/// A moment after which waiting ends, and the limit it came from, for the message.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    limit: Duration,
    end: Instant,
}

impl Deadline {
    /// The moment `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self { limit, end: Instant::now() + limit }
    }

    /// The moment `seconds` from now.
    pub fn seconds(seconds: u64) -> Self {
        Self::after(Duration::from_secs(seconds))
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
    pub fn poll<T>(&self, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if self.remaining().is_none() {
                bail!("{what}: not within {:.1} s", self.limit.as_secs_f64());
            }
            thread::sleep(POLL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poll_gives_what_was_found() {
        let mut looks = 0;
        let found = Deadline::seconds(10).poll("the third look", || {
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
}
