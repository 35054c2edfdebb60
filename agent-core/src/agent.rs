//! The state machine: bytes in, a command run, its reply out.

use crate::arguments::MAX_MEMBERS;
use crate::command::{Command, CommandSet, Request};
use crate::error::Error;
use crate::reply::{Reply, Step};
use crate::wire::Span;
use crate::wire::line::{Cursor, Full, Piece, Stage};
use crate::wire::members::Stored;
use crate::wire::scanner::{Envelope, Problem, Scanner};

/// What every reply ends with. The stage keeps room for it.
const END: &str = "}\n";

/// A guest agent for one channel.
///
/// `RECEIVE` is the longest request in bytes, `STAGE` the longest piece of a reply; replies may be of any length. It has
/// no clock, does no I/O and allocates nothing. The contract with its caller:
///
/// 1. [`receive`](Self::receive) takes bytes in, up to the end of a request. While a request is being answered it takes
///    none: back-pressure, not loss.
/// 2. [`transmit`](Self::transmit) runs the request and hands its reply out, until it returns 0.
/// 3. [`reset`](Self::reset) is due when the host connects or disconnects.
///
/// A command such as `guest-shutdown` may not return, so what was transmitted before should be on its way to the host
/// before more is received. [`Pump`](crate::serve::Pump) does all that over `embedded-io`.
#[derive(Debug)]
pub struct Agent<'a, G, const RECEIVE: usize = 4096, const STAGE: usize = 1024> {
    commands: &'a CommandSet<'a, G>,
    scanner: Scanner,
    message: [u8; RECEIVE],
    stage: Stage<STAGE>,
    phase: Phase<'a, G>,
}

/// What is due once the stage is handed out.
#[derive(Debug)]
enum Phase<'a, G> {
    /// Bytes of the next request.
    Receive,
    /// The answer to a message.
    Answer(Result<Envelope, Problem>),
    /// The next step of a command.
    Run { command: &'a Command<G>, arguments: Span, id: Option<Span>, step: usize, carry: u64 },
    /// The name of the request's id, or the end of the line if it has none.
    Close { id: Option<Span> },
    /// The id itself, from the message, then the end of the line.
    Id { id: Span, cursor: Cursor },
}

impl<'a, G, const RECEIVE: usize, const STAGE: usize> Agent<'a, G, RECEIVE, STAGE> {
    /// An agent that answers `commands`.
    #[must_use]
    pub const fn new(commands: &'a CommandSet<'a, G>) -> Self {
        const {
            assert!(RECEIVE >= 128 && STAGE >= 128, "no request or reply fits such a buffer");
            assert!(RECEIVE as u64 <= u32::MAX as u64, "a message has no more than 4 GiB");
        }
        Self { commands, scanner: Scanner::new(), message: [0; RECEIVE], stage: Stage::new(), phase: Phase::Receive }
    }

    /// Takes in bytes from the host; returns how many. It takes none while there is something to transmit.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        if !self.is_receiving() {
            return 0;
        }
        let (taken, outcome) = self.scanner.push(bytes, &mut self.message);
        if let Some(outcome) = outcome {
            self.phase = Phase::Answer(outcome);
        }
        taken
    }

    /// Whether [`receive`](Self::receive) would take bytes: the last request is answered to its end.
    #[must_use]
    pub const fn is_receiving(&self) -> bool {
        matches!(self.phase, Phase::Receive) && self.stage.is_empty()
    }

    /// Whether the beginning of a request has been received, but not its end.
    #[must_use]
    pub const fn has_half_a_request(&self) -> bool {
        self.is_receiving() && self.scanner.is_inside()
    }

    /// Whether the request that was received is for a command without a reply on success: it may not return.
    #[must_use]
    pub fn may_not_return(&self) -> bool {
        let Phase::Answer(Ok(envelope)) = &self.phase else { return false };
        let stored = Stored { bytes: &self.message, hole: self.scanner.longest() };
        find(self.commands, envelope, stored).is_ok_and(|command| !command.replies)
    }

    /// Runs the request that was received, if any, and fills `room` with bytes for the host; returns how many.
    ///
    /// If it fills less than all of `room`, the reply is whole. The guest is asked only for as much as `room` takes.
    pub fn transmit(&mut self, guest: &mut G, room: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(rest @ &mut [_, ..]) = room.get_mut(filled..) {
            filled += self.hand_out(rest);
            if filled < room.len() && !self.advance(guest) {
                break;
            }
        }
        filled
    }

    /// Forgets the request that was half received and the rest of the reply: the host has connected or disconnected.
    pub fn reset(&mut self) {
        self.scanner.reset();
        self.stage.clear();
        self.phase = Phase::Receive;
    }

    /// Forgets the rest of the reply that is being sent: its host has gone. A request that was received stays.
    pub const fn abandon_reply(&mut self) {
        self.stage.clear();
        if !matches!(self.phase, Phase::Answer(_)) {
            self.phase = Phase::Receive;
        }
    }

    fn hand_out(&mut self, room: &mut [u8]) -> usize {
        let staged = self.stage.hand_out(room);
        match &mut self.phase {
            Phase::Id { id, cursor } if self.stage.is_empty() => {
                staged + cursor.copy_ascii(id.of(&self.message), room.get_mut(staged..).unwrap_or_default())
            }
            _ => staged,
        }
    }

    /// Stages what comes next, all before being handed out; returns whether there was something.
    fn advance(&mut self, guest: &mut G) -> bool {
        match self.phase {
            Phase::Receive => return false,
            Phase::Answer(Err(problem)) => self.fail(Error::Syntax(problem), None),
            Phase::Answer(Ok(envelope)) => self.answer(envelope, guest),
            Phase::Run { command, arguments, id, step, carry } => {
                self.run(command, arguments, id, (step, carry), guest);
            }
            Phase::Close { id: Some(id) } => {
                self.phase = Phase::Id { id, cursor: Cursor::new() };
                self.restage(", \"id\": ");
            }
            Phase::Close { id: None } | Phase::Id { .. } => {
                self.phase = Phase::Receive;
                self.restage(END);
            }
        }
        true
    }

    fn restage(&mut self, json: &str) {
        // The stage is never smaller than the few bytes that this is called with.
        let _ = self.stage.clear().raw(json);
    }

    /// Answers that a request has failed. What is not valid JSON has no id.
    fn fail(&mut self, error: Error, id: Option<Span>) {
        let id = id.filter(|_| !matches!(error, Error::Syntax(_)));
        stage_error(&mut self.stage.clear(), error, &self.message);
        self.phase = Phase::Close { id };
    }

    /// Runs the first step of what a request asks for.
    fn answer(&mut self, envelope: Envelope, guest: &mut G) {
        let stored = Stored { bytes: &self.message, hole: self.scanner.longest() };
        match find(self.commands, &envelope, stored) {
            Ok(command) => self.run(command, envelope.arguments.unwrap_or_default(), envelope.id, (0, 0), guest),
            Err(error) => self.fail(error, envelope.id),
        }
    }

    fn run(
        &mut self,
        command: &'a Command<G>,
        arguments: Span,
        id: Option<Span>,
        (step, carry): (usize, u64),
        guest: &mut G,
    ) {
        let mut reply = Reply::new(self.stage.clear());
        let message = &mut self.message;
        let (hole, decoded) = (self.scanner.longest(), Span::default());
        let mut request = Request { message, arguments, hole, decoded, step, carry, catalogue: self.commands };
        let outcome = match step {
            0 => reply.begin().map_err(Error::from).and_then(|()| (command.handler)(guest, &mut request, &mut reply)),
            _ => (command.handler)(guest, &mut request, &mut reply),
        };
        self.phase = match outcome {
            Ok(Step::More) => Phase::Run { command, arguments, id, step: step.saturating_add(1), carry: request.carry },
            Ok(Step::Done) if command.replies => {
                reply.complete(step);
                Phase::Close { id }
            }
            Ok(Step::Done) => {
                self.stage.clear();
                Phase::Receive
            }
            Err(error) if step == 0 => return self.fail(error, id),
            // Part of the reply is out already, and all that can be done is to end the line.
            Err(_) => Phase::Close { id },
        };
    }
}

/// The command that a request is for, after QEMU's checks in QEMU's order.
fn find<'a, G>(commands: &CommandSet<'a, G>, envelope: &Envelope, stored: Stored<'_>) -> Result<&'a Command<G>, Error> {
    let begins_with = |span: Span, byte| stored.get(span).first() == Some(&byte);
    if envelope.arguments.is_some_and(|arguments| stored.has_duplicates(arguments, MAX_MEMBERS)) {
        return Err(Error::Syntax(Problem::DuplicateMember));
    }
    if !envelope.is_object {
        return Err(Error::NotAnObject);
    }
    if envelope.execute.is_some_and(|execute| !begins_with(execute, b'"')) {
        return Err(Error::ExecuteNotString);
    }
    if envelope.arguments.is_some_and(|arguments| !begins_with(arguments, b'{')) {
        return Err(Error::ArgumentsNotObject);
    }
    if let Some(name) = envelope.unexpected {
        return Err(Error::UnexpectedMember(name));
    }
    commands.find(stored.bytes, envelope.execute.ok_or(Error::NoExecute)?.inside())
}

/// Stages all of an error reply but its end. A text that the stage has no room for is cut.
fn stage_error(piece: &mut Piece<'_>, error: Error, message: &[u8]) {
    let mut stage = || -> Result<(), Full> {
        piece.raw("{\"error\": {\"class\": \"")?;
        piece.raw(error.class())?;
        piece.raw("\", \"desc\": ")?;
        piece.text_cut(&error.describe(message), 1)?;
        piece.raw("}")
    };
    // The smallest stage that can be has room for this with an empty text.
    let _ = stage();
}
