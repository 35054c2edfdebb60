//! Waiting for a guest's reply and for its end at once.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::deadline::{Deadline, soon};
use crate::exit::Exit;
use crate::qmp::Qmp;

/// Longer than any test run.
const AS_LONG_AS_IT_LIVES: Duration = Duration::from_secs(366 * 24 * 3600);

/// A thread that cuts the agent's connection when its guest has ended, so that nobody waits for a reply that cannot come.
#[derive(Debug)]
pub(super) struct Watch(Receiver<Exit>);

impl Watch {
    /// Reads `events`; `agent` is another handle of the connection.
    pub(super) fn start(mut events: Qmp, agent: UnixStream) -> Self {
        let (seen, exit) = mpsc::channel();
        thread::spawn(move || {
            let ended = Exit::of(&mut events, Deadline::after(AS_LONG_AS_IT_LIVES)).unwrap_or(Exit::Killed);
            // Nobody may care any more, and the agent's end may be closed already.
            let _ = seen.send(ended);
            let _ = agent.shutdown(Shutdown::Both);
        });
        Self(exit)
    }

    /// How the guest has ended, once its connection is closed; `None` if it has not.
    pub(super) fn exit(&self) -> Option<Exit> {
        self.0.recv_timeout(soon().limit()).ok()
    }
}
