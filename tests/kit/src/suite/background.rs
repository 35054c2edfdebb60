//! A test that runs in the guest's background, while its agent answers.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::protocol::{self, Run, Told};
use crate::agent::Agent;
use crate::deadline::Deadline;
use crate::error::{Error, Kind};

/// How long a guest is left alone between two questions: first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Starts a test, and asks for its output until it is over. The output is shown as it comes, if that is wanted.
pub(super) fn run(agent: &mut Agent, run: &Run<'_>, limit: Duration, live: bool) -> Result<Told> {
    let deadline = Deadline::after(limit);
    let number = protocol::start(agent, run)?;
    let (mut output, mut from, mut pause) = (String::new(), 0, FIRST_PAUSE);
    loop {
        let status = protocol::status(agent, number, from)?;
        if live {
            eprint!("{}", status.output);
        }
        output.push_str(&status.output);
        from = status.next;
        // When it is over there may be more than one reply holds.
        let more = !status.output.is_empty();
        if let (Some(told), false) = (status.told, more) {
            return Ok(Told { output, ..told });
        }
        if deadline.remaining().is_none() {
            let message = format!("the test has not ended within {:.1} s", limit.as_secs_f64());
            return Err(Error::new(Kind::TimedOut, message).into());
        }
        if !more {
            thread::sleep(pause); // polls: the end of a test
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
