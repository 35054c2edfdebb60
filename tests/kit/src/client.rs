//! Lines to and from an agent over a stream socket, each with a deadline, and raw bytes where a test needs them.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::deadline::Deadline;
use crate::error::{Error, Kind};
use crate::logs::tails;

/// The byte before a reply to guest-sync-delimited.
pub(crate) const DELIMITER: u8 = 0xff;

/// The longest line that is taken, in bytes. QEMU's agent returns at most 48 MiB of a file at once, and 32 MiB of what a
/// program wrote; this is 64 MiB in base64, and a KiB around it.
pub const LONGEST_LINE: usize = (64 << 20) / 3 * 4 + 1024;

/// How much is read at once, in bytes.
const PIECE: usize = 16 << 10;

/// One line from the agent, and how long it took to come.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The line's bytes, without its end.
    pub line: Vec<u8>,
    /// From the request's first byte sent to the line's last byte received.
    pub round_trip: Duration,
}

/// How many bytes of a line a message shows.
const SHOWN: usize = 1000;

impl Reply {
    /// The line as a JSON value, without the delimiter before it.
    ///
    /// # Errors
    /// When it is not JSON: [`Kind::Malformed`].
    pub fn json(&self) -> Result<Value> {
        let text = self.line.strip_prefix(&[DELIMITER]).unwrap_or(&self.line);
        serde_json::from_slice(text).map_err(|error| {
            let message = format!("the agent's reply is not JSON ({error}): {}", self.beginning());
            Error::new(Kind::Malformed, message).into()
        })
    }

    /// The line for people: bytes that are not ASCII are shown as `\xff`.
    pub fn text(&self) -> String {
        shown(&self.line)
    }

    /// [`text`](Self::text), cut where it gets too long for a message.
    pub fn beginning(&self) -> String {
        beginning(&self.line)
    }
}

/// A connection to an agent.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    /// Bytes received after the last line that was taken.
    received: Vec<u8>,
    closed: bool,
    /// The guest's folder, whose logs messages quote.
    logs: Option<PathBuf>,
}

impl Client {
    /// Connects to the agent behind the socket at `path`.
    ///
    /// # Errors
    /// When nobody listens there before the deadline.
    pub fn connect(path: &Path, deadline: Deadline) -> Result<Self> {
        let stream =
            deadline.poll(&format!("a listener at {}", path.display()), || match UnixStream::connect(path) {
                Ok(stream) => Ok(Some(stream)),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
                Err(error) => Err(error.into()),
            })?;
        Ok(Self::over(stream))
    }

    /// Speaks over a stream that is connected. Any socket of a stream may be made a `UnixStream` by way of its `OwnedFd`.
    pub fn over(stream: UnixStream) -> Self {
        Self { stream, received: Vec::new(), closed: false, logs: None }
    }

    /// The same client, whose messages quote the ends of the logs in a guest's folder.
    pub fn quoting(mut self, logs: &Path) -> Self {
        self.logs = Some(logs.into());
        self
    }

    /// The socket, for another client to speak over.
    ///
    /// # Errors
    /// When bytes were received that nobody took: they would be lost.
    pub fn into_stream(self) -> Result<UnixStream> {
        if !self.received.is_empty() {
            bail!("the agent sent what nobody took: {}", shown(&self.received));
        }
        Ok(self.stream)
    }

    /// Sends `bytes` as they are.
    ///
    /// # Errors
    /// When the agent does not take them before the deadline, or is gone.
    pub fn send(&mut self, mut bytes: &[u8], deadline: Deadline) -> Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.remaining(deadline, "a request to be taken")?))?;
            match self.stream.write(bytes) {
                Ok(taken) => bytes = &bytes[taken..],
                Err(error) if timed_out(&error) => {}
                Err(error) => return Err(self.failed("cannot send to the agent", error)),
            }
        }
        Ok(())
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// When none comes before the deadline, it is longer than [`LONGEST_LINE`], or the connection ends.
    pub fn line(&mut self, deadline: Deadline) -> Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.received[searched..].iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.received.drain(..=searched + end).collect();
                line.pop();
                return Ok(line);
            }
            searched = self.received.len();
            if searched > LONGEST_LINE {
                self.received.clear();
                let message = format!("the agent's reply is longer than {LONGEST_LINE} bytes");
                return Err(self.explained(Kind::Malformed, message));
            }
            self.stream.set_read_timeout(Some(self.remaining(deadline, "a reply")?))?;
            let mut piece = [0; PIECE];
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    self.closed = true;
                    return Err(self.explained(Kind::Lost, "the agent's end of the channel was closed".into()));
                }
                Ok(count) => self.received.extend_from_slice(&piece[..count]),
                Err(error) if timed_out(&error) => {}
                Err(error) => return Err(self.failed("cannot receive from the agent", error)),
            }
        }
    }

    /// Whether the other end was seen to close the connection.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Sends one request line and takes the next line as its reply.
    ///
    /// # Errors
    /// As [`Client::send`] and [`Client::line`].
    pub fn request(&mut self, request: &str, deadline: Deadline) -> Result<Reply> {
        let start = Instant::now();
        self.send(format!("{request}\n").as_bytes(), deadline)?;
        let line = self.line(deadline).with_context(|| format!("no reply to {}", beginning(request.as_bytes())))?;
        Ok(Reply { line, round_trip: start.elapsed() })
    }

    /// Runs a command and gives its return value.
    ///
    /// # Errors
    /// When there is no reply, or an error in it.
    pub fn execute(&mut self, command: &str, arguments: Value, deadline: Deadline) -> Result<Value> {
        let reply = self.request(&request_line(command, Some(&arguments)), deadline)?;
        match reply.json()?.get("return") {
            Some(value) => Ok(value.clone()),
            None => Err(self.explained(Kind::Refused, format!("{command}: {}", reply.beginning()))),
        }
    }

    /// Whether nothing has come so far that nobody took.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn is_silent(&mut self) -> Result<bool> {
        self.stream.set_nonblocking(true)?;
        let mut piece = [0; PIECE];
        let read = self.stream.read(&mut piece);
        self.stream.set_nonblocking(false)?;
        match read {
            Ok(count) => self.received.extend_from_slice(&piece[..count]),
            Err(error) if timed_out(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.received.is_empty())
    }

    fn remaining(&self, deadline: Deadline, what: &str) -> Result<Duration> {
        deadline.remaining().ok_or_else(|| {
            self.explained(Kind::TimedOut, format!("{what}: not within {:.1} s", deadline.limit().as_secs_f64()))
        })
    }

    fn failed(&mut self, what: &str, error: std::io::Error) -> anyhow::Error {
        if !is_end(&error) {
            return anyhow!(error).context(what.to_owned());
        }
        self.closed = true;
        self.explained(Kind::Lost, format!("{what}: {error}"))
    }

    fn explained(&self, kind: Kind, message: String) -> anyhow::Error {
        let logs = self.logs.as_deref().map(tails).unwrap_or_default();
        Error::new(kind, message + &logs).into()
    }
}

/// The text of a request, its members in the order in which people read them.
pub fn request_line(command: &str, arguments: Option<&Value>) -> String {
    let command = Value::from(command);
    match arguments {
        Some(arguments) => format!(r#"{{"execute": {command}, "arguments": {arguments}}}"#),
        None => format!(r#"{{"execute": {command}}}"#),
    }
}

/// Text of a guest's for people: what would steer a terminal is shown as an escape.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { letter.escape_default().to_string() } else { letter.into() })
        .collect()
}

/// [`shown`], cut where it gets too long for a message.
fn beginning(bytes: &[u8]) -> String {
    match bytes.split_at_checked(SHOWN) {
        Some((beginning, rest)) if !rest.is_empty() => shown(beginning) + "...",
        _ => shown(bytes),
    }
}

fn timed_out(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// How the end of QEMU shows when it left bytes unread.
fn is_end(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

/// Bytes for people: ASCII as it is, the rest as `\xff`.
pub fn shown(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| match byte {
            b' '..=b'~' => char::from(byte).to_string(),
            _ => byte.escape_ascii().to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::soon;

    fn pair() -> (Client, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Client::over(ours), theirs)
    }

    #[test]
    fn lines_that_come_in_pieces_or_together_are_taken_one_by_one() {
        let (mut client, mut agent) = pair();
        agent.write_all(b"{\"return\": 1}\n{\"ret").unwrap();
        assert_eq!(client.line(soon()).unwrap(), b"{\"return\": 1}");
        agent.write_all(b"urn\": 2}\n").unwrap();
        assert_eq!(client.line(soon()).unwrap(), b"{\"return\": 2}");
    }

    #[test]
    fn the_delimiter_is_kept_in_the_line_and_left_out_of_the_value() {
        let reply = Reply { line: b"\xff{\"return\": 5}".to_vec(), round_trip: Duration::ZERO };
        assert_eq!(reply.text(), "\\xff{\"return\": 5}");
        assert_eq!(reply.json().unwrap(), serde_json::json!({"return": 5}));
    }

    #[test]
    fn text_of_a_guest_does_not_steer_a_terminal() {
        assert_eq!(printable("é\u{1b}[2J\n\u{9b}1m"), "é\\u{1b}[2J\\n\\u{9b}1m");
    }

    #[test]
    fn no_reply_is_an_error_when_the_time_is_up() {
        let (mut client, _agent) = pair();
        let error = client.line(Deadline::after(Duration::from_millis(30))).unwrap_err();
        assert_eq!(error.to_string(), "a reply: not within 0.0 s");
        assert_eq!(Error::kind_of(&error), Some(Kind::TimedOut));
    }

    #[test]
    fn the_end_of_the_connection_is_an_error() {
        let (mut client, agent) = pair();
        drop(agent);
        let error = client.line(soon()).unwrap_err();
        assert_eq!(error.to_string(), "the agent's end of the channel was closed");
        assert_eq!(Error::kind_of(&error), Some(Kind::Lost));
    }

    #[test]
    fn silence_is_broken_by_any_byte() {
        let (mut client, mut agent) = pair();
        assert!(client.is_silent().unwrap());
        agent.write_all(b"{").unwrap();
        assert!(!client.is_silent().unwrap());
        assert!(!client.is_silent().unwrap());
    }
}
