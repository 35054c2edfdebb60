//! An agent: requests with time limits and values, over a channel that is in step.

use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::client::{Client, Reply, printable, request_line};
use crate::deadline::{Deadline, soon};
use crate::error::{Error, Kind};
use crate::transport::{Address, Transport};

/// How long an agent that goes down may be silent before that counts as its last word.
pub(crate) const LAST_WORD: Duration = Duration::from_secs(5);

/// How long tidying up may take after the end of all that is asked.
const GRACE: Duration = Duration::from_secs(2);

/// An agent, and how long it may take.
///
/// Nothing that it sends hangs or panics this: a reply has a time limit and a greatest length, one that has no form of the
/// protocol's is an error, and after any such error the channel is synchronised before the next request.
#[derive(Debug)]
pub struct Agent {
    transport: Transport,
    /// How long it may take for a reply.
    limit: Duration,
    /// When it must have done all that it is asked.
    end: Option<Deadline>,
    /// Whether the next line will be the reply to the next request.
    in_step: bool,
}

/// What came of a guest that was told to go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// Its end of the channel was closed.
    Gone,
    /// It has accepted the request and still answers.
    Accepted,
    /// It says nothing more.
    Silent,
}

/// How a guest goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Switched off.
    #[default]
    Powerdown,
    /// Started again.
    Reboot,
    /// Stopped, with its power on.
    Halt,
}

impl Mode {
    /// Its name in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Powerdown => "powerdown",
            Self::Reboot => "reboot",
            Self::Halt => "halt",
        }
    }

    /// The request for it.
    pub fn request(self) -> String {
        match self {
            // Every agent does that unasked.
            Self::Powerdown => request_line("guest-shutdown", None),
            _ => request_line("guest-shutdown", Some(&json!({"mode": self.name()}))),
        }
    }
}

impl Agent {
    /// The agent at an address. It has `limit` for each reply.
    ///
    /// # Errors
    /// As [`Transport::open`]. Whether there is an agent shows at the first request.
    pub fn at(address: &Address, limit: Duration) -> Result<Self> {
        let transport = Transport::open(address, Deadline::after(limit))?;
        Ok(Self { transport, limit, end: None, in_step: false })
    }

    /// The agent at the other end of a connection. It has for each reply what only a hang reaches: [`soon`].
    pub fn over(client: Client) -> Self {
        Self { transport: Transport::Stream(client), limit: soon().limit(), end: None, in_step: false }
    }

    /// The same agent, with another limit for each reply.
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The same agent, which must have done before `end` all that it is asked.
    pub fn until(mut self, end: Deadline) -> Self {
        self.end = Some(end);
        self
    }

    /// Runs a command and gives its return value.
    ///
    /// # Errors
    /// As [`Error`] has them.
    pub fn execute(&mut self, command: &str, arguments: Option<&Value>) -> Result<Value> {
        self.execute_within(command, arguments, self.limit)
    }

    fn execute_within(&mut self, command: &str, arguments: Option<&Value>, limit: Duration) -> Result<Value> {
        let reply = self.raw_within(&request_line(command, arguments), limit)?;
        // A request that was not understood may get several errors, and a reply of another form may be another request's.
        value(command, &reply).inspect_err(|_| self.in_step = false)
    }

    /// [`execute`](Self::execute), for a value of one type.
    ///
    /// # Errors
    /// As [`execute`](Self::execute), and when the value has another form: [`Kind::Malformed`].
    pub fn call<T: DeserializeOwned>(&mut self, command: &str, arguments: Option<&Value>) -> Result<T> {
        self.call_within(command, arguments, self.limit)
    }

    /// [`call`](Self::call) with another limit for this reply.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_within<T: DeserializeOwned>(
        &mut self,
        command: &str,
        arguments: Option<&Value>,
        limit: Duration,
    ) -> Result<T> {
        serde_json::from_value(self.execute_within(command, arguments, limit)?)
            .map_err(|error| Error::new(Kind::Malformed, format!("{command} returned another value: {error}")).into())
    }

    /// Sends one line as it is and takes the next as its reply, whatever they are.
    ///
    /// # Errors
    /// When no reply comes in time, it is too long, or the connection ends.
    pub fn raw(&mut self, request: &str) -> Result<Reply> {
        self.raw_within(request, self.limit)
    }

    /// [`raw`](Self::raw) with another limit for this reply.
    ///
    /// # Errors
    /// As [`raw`](Self::raw).
    pub fn raw_within(&mut self, request: &str, limit: Duration) -> Result<Reply> {
        self.get_in_step()?;
        // Unless the reply comes, the next one may be this one's.
        self.in_step = false;
        let reply = self.transport.request(request, self.deadline(limit))?;
        self.in_step = true;
        Ok(reply)
    }

    /// The next line, where one request may have had several replies, if it comes within `limit`.
    pub fn more(&mut self, limit: Duration) -> Option<Reply> {
        let line = self.transport.unasked(limit)?;
        Some(Reply { line, round_trip: Duration::ZERO })
    }

    /// Has the channel synchronised before the next request, because the guest was put back into another state.
    pub fn forget_step(&mut self) {
        self.in_step = false;
    }

    /// Tells the guest to go down, which has no reply when it does.
    ///
    /// # Errors
    /// When the agent refuses, or there is no agent.
    pub fn shut_down(&mut self, mode: Mode) -> Result<Down> {
        self.get_in_step()?;
        self.in_step = false;
        let (deadline, last_word) = (self.deadline(self.limit), self.deadline(self.limit.min(LAST_WORD)));
        let accepted = match &mut self.transport {
            Transport::Libvirt(_) if mode == Mode::Halt => Err(Error::new(
                Kind::Refused,
                "libvirt has no call that halts a guest: shut it down or reboot it, or connect to its socket",
            )
            .into()),
            Transport::Libvirt(libvirt) => libvirt.go_down(mode == Mode::Reboot, deadline),
            // Requests are answered in their order: what comes first is a refusal, or the reply to the ping behind it.
            stream @ Transport::Stream(_) => {
                let both = format!("{}\n{}", mode.request(), request_line("guest-ping", None));
                stream.request(&both, last_word).and_then(|reply| value("guest-shutdown", &reply).map(drop))
            }
        };
        match accepted {
            Ok(()) => Ok(Down::Accepted),
            Err(error) => match Error::kind_of(&error) {
                Some(Kind::Lost) => Ok(Down::Gone),
                Some(Kind::TimedOut) => Ok(Down::Silent),
                _ => {
                    // The ping's: an agent at a socket may end of a reply that nobody is left to take.
                    let _ = self.transport.unasked(LAST_WORD);
                    Err(error)
                }
            },
        }
    }

    /// Does what tidies up. If the end of all that is asked has come, this has a little more time.
    pub(crate) fn tidy_up<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let end = self.end;
        let grace = Deadline::after(GRACE);
        self.end = end.map(|end| if end.remaining() < grace.remaining() { grace } else { end });
        let done = work(self);
        self.end = end;
        done
    }

    /// The moment at which all must be done, if there is one.
    pub(crate) fn end(&self) -> Option<Deadline> {
        self.end
    }

    /// The largest piece of a file, in bytes, that one request may write.
    pub(crate) fn largest_piece(&self) -> usize {
        self.transport.largest_piece()
    }

    fn get_in_step(&mut self) -> Result<()> {
        if !self.in_step || !self.transport.is_silent()? {
            self.transport.synchronise(self.deadline(self.limit))?;
            self.in_step = true;
        }
        Ok(())
    }

    /// Both limits as one.
    fn deadline(&self, limit: Duration) -> Deadline {
        let reply = Deadline::after(limit);
        self.end.filter(|end| end.remaining() < reply.remaining()).unwrap_or(reply)
    }
}

/// A reply, good or bad.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "return")]
    value: Option<Value>,
    error: Option<Refusal>,
    /// Requests of ours have none.
    id: Option<Value>,
}

#[derive(Deserialize)]
struct Refusal {
    class: String,
    desc: String,
}

fn value(command: &str, reply: &Reply) -> Result<Value> {
    let malformed = |what| {
        let message = format!("{command} was answered by {what}: {}", reply.beginning());
        Err(Error::new(Kind::Malformed, message).into())
    };
    let Ok(envelope) = serde_json::from_value(reply.json()?) else { return malformed("what is no reply") };
    match envelope {
        Envelope { id: Some(_), .. } => malformed("a reply to somebody else"),
        Envelope { value: Some(value), error: None, .. } => Ok(value),
        Envelope { value: None, error: Some(Refusal { class, desc }), .. } => {
            let message = printable(&format!("{command}: {desc} ({class})"));
            Err(Error::new(Kind::Refused, message).into())
        }
        _ => malformed("what is no reply"),
    }
}
