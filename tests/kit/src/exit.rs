//! How guests come to their ends.

use std::fmt;

use anyhow::Result;
use serde_json::Value;

use crate::deadline::Deadline;
use crate::error::{Error, Kind};
use crate::qmp::Qmp;

/// How a guest came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It switched itself off.
    PoweredOff,
    /// It reset its machine: it wanted to, or its processor could not go on.
    Reset,
    /// It told QEMU, by a device for that, that it panicked.
    Panicked,
    /// QEMU ended before its guest did.
    Killed,
}

impl Exit {
    /// Waits for the end of the guest whose events these are.
    ///
    /// # Errors
    /// When it has not ended at the deadline.
    pub fn of(events: &mut Qmp, deadline: Deadline) -> Result<Self> {
        loop {
            let event = match events.next_event(deadline) {
                Ok(event) => event,
                Err(error) if Error::kind_of(&error) == Some(Kind::Lost) => return Ok(Self::Killed),
                Err(error) => return Err(error),
            };
            if let Some(exit) = Self::told_by(&event) {
                return Ok(exit);
            }
        }
    }

    fn told_by(event: &Value) -> Option<Self> {
        match (event["event"].as_str()?, event["data"]["reason"].as_str()) {
            ("GUEST_PANICKED", _) | ("SHUTDOWN", Some("guest-panic")) => Some(Self::Panicked),
            ("SHUTDOWN", Some("guest-shutdown")) => Some(Self::PoweredOff),
            ("SHUTDOWN" | "RESET", Some("guest-reset")) => Some(Self::Reset),
            ("SHUTDOWN", _) => Some(Self::Killed),
            _ => None,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PoweredOff => "the guest switched itself off",
            Self::Reset => {
                "the guest reset its machine: it wanted to, or its processor could not go on (a triple fault)"
            }
            Self::Panicked => "the guest told QEMU that it panicked",
            Self::Killed => "QEMU ended before its guest did",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_event_tells_how_it_ended() {
        let shutdown = |reason| Exit::told_by(&json!({"event": "SHUTDOWN", "data": {"reason": reason}}));
        assert_eq!(shutdown("guest-shutdown"), Some(Exit::PoweredOff));
        assert_eq!(shutdown("guest-reset"), Some(Exit::Reset));
        assert_eq!(shutdown("host-signal"), Some(Exit::Killed));
        assert_eq!(
            Exit::told_by(&json!({"event": "GUEST_PANICKED", "data": {"action": "pause"}})),
            Some(Exit::Panicked)
        );
        assert_eq!(Exit::told_by(&json!({"event": "RTC_CHANGE", "data": {"offset": 1}})), None);
    }
}
