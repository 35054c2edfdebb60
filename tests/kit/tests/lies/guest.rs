//! A guest that says what a test has it say, at the other end of a pair of sockets.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use nanoqga_testkit::agent::Agent;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::error::{Error, Kind};
use serde_json::Value;

/// A limit that a test waits for.
pub const BRIEF: Duration = Duration::from_millis(100);

/// The guest's end of the connection.
pub struct Guest {
    requests: BufReader<UnixStream>,
    replies: UnixStream,
}

impl Guest {
    /// The next request, or nothing when the host has left. What stands before its brace is dropped.
    pub fn request(&mut self) -> Option<Value> {
        let mut line = Vec::new();
        self.requests.read_until(b'\n', &mut line).ok().filter(|count| *count > 0)?;
        let start = line.iter().position(|&byte| byte == b'{').expect("a request is an object");
        Some(serde_json::from_slice(&line[start..]).expect("a request is JSON"))
    }

    /// Sends bytes. That the host has left is no matter: it may have had enough.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.replies.write_all(bytes.as_ref()).is_ok()
    }

    /// Answers the next request as an honest guest does: it is a guest-sync-delimited.
    pub fn synchronise(&mut self) {
        if let Some(request) = self.request() {
            self.reply_to_sync(&request);
        }
    }

    pub fn reply_to_sync(&mut self, request: &Value) {
        assert_eq!(request["execute"], "guest-sync-delimited", "{request}");
        let id = &request["arguments"]["id"];
        self.say([b"\xff", format!("{{\"return\": {id}}}\n").as_bytes()].concat());
    }

    /// Answers each request by `reply`, until the host leaves; syncs honestly.
    pub fn serve(mut self, mut reply: impl FnMut(&str, &Value) -> String) {
        while let Some(request) = self.request() {
            if request["execute"] == "guest-sync-delimited" {
                self.reply_to_sync(&request);
            } else {
                let line = reply(request["execute"].as_str().unwrap_or_default(), &request["arguments"]);
                self.say(line + "\n");
            }
        }
    }

    /// Keeps the connection and says nothing, until the host leaves.
    pub fn keep_silent(mut self) {
        while self.request().is_some() {}
    }
}

/// The agent in a guest that follows a script in a thread of its own.
pub fn agent(script: impl FnOnce(Guest) + Send + 'static) -> Agent {
    let (ours, theirs) = UnixStream::pair().unwrap();
    thread::spawn(|| script(Guest { requests: BufReader::new(theirs.try_clone().unwrap()), replies: theirs }));
    Agent::over(Client::over(ours))
}

/// The same, which must have done all within a [`BRIEF`] time.
pub fn brief_agent(script: impl FnOnce(Guest) + Send + 'static) -> Agent {
    agent(script).until(Deadline::after(BRIEF))
}

/// The kind and the message of the error that there must be.
pub fn failure<T: std::fmt::Debug>(result: anyhow::Result<T>) -> (Option<Kind>, String) {
    let error = result.unwrap_err();
    (Error::kind_of(&error), format!("{error:#}"))
}
