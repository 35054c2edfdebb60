//! The state machine: bytes in, a command run, its reply out.
//!
//! It has no memory of its own: [`Agent`](crate::Agent) is it with buffers whose sizes the compiler knows, and whoever
//! learns of them only at run time lends them here.

use crate::arguments::MAX_MEMBERS;
use crate::command::{Command, CommandSet, Request};
use crate::error::Error;
use crate::json::Span;
use crate::json::members::Stored;
use crate::json::scanner::{Envelope, Problem, Scanner};
use crate::json::writer::{Cursor, Full, Piece, Stage};
use crate::reply::{Reply, Step};

/// What every reply ends with. The stage keeps room for it.
const END: &str = "}\n";

/// The state of an agent for one channel. What its methods mean is said at those of [`Agent`](crate::Agent).
#[derive(Debug)]
pub struct Machine<G> {
    scanner: Scanner,
    stage: Stage,
    phase: Phase<G>,
}

/// What the machine works with, lent for a call.
#[derive(Debug)]
pub struct Lent<'l, G> {
    /// The commands that it answers.
    pub commands: &'l CommandSet<'l, G>,
    /// Where a request is stored: the same bytes in each call, at most 4 GiB. They are as long as the longest request may be.
    pub message: &'l mut [u8],
    /// Where a piece of a reply is staged: the same bytes in each call, at least 128.
    pub stage: &'l mut [u8],
}

/// What is due once the stage is handed out.
#[derive(Debug)]
enum Phase<G> {
    /// Bytes of the next request.
    Receive,
    /// The answer to a message.
    Answer(Result<Envelope, Problem>),
    /// The next step of a command.
    Run { command: Command<G>, arguments: Span, id: Option<Span>, step: usize, carry: u64 },
    /// The name of the request's id, or the end of the line if it has none.
    Close { id: Option<Span> },
    /// The id itself, from the message, then the end of the line.
    Id { id: Span, cursor: Cursor },
}

impl<G> Machine<G> {
    /// Before the first byte of a request.
    #[must_use]
    pub const fn new() -> Self {
        Self { scanner: Scanner::new(), stage: Stage::new(), phase: Phase::Receive }
    }

    /// Takes in bytes from the host, to be stored in `message`; returns how many.
    pub fn receive(&mut self, message: &mut [u8], bytes: &[u8]) -> usize {
        if !self.is_receiving() {
            return 0;
        }
        let (taken, outcome) = self.scanner.push(bytes, message);
        if let Some(outcome) = outcome {
            self.phase = Phase::Answer(outcome);
        }
        taken
    }

    /// Whether [`receive`](Self::receive) would take bytes.
    #[must_use]
    pub const fn is_receiving(&self) -> bool {
        matches!(self.phase, Phase::Receive) && self.stage.is_empty()
    }

    /// Whether the beginning of a request has been received, but not its end.
    #[must_use]
    pub const fn has_half_a_request(&self) -> bool {
        self.is_receiving() && self.scanner.is_inside()
    }

    /// Whether the request that is stored in `message` is for a command without a reply on success.
    #[must_use]
    pub fn may_not_return(&self, commands: &CommandSet<'_, G>, message: &[u8]) -> bool {
        let Phase::Answer(Ok(envelope)) = &self.phase else { return false };
        let stored = Stored { bytes: message, hole: self.scanner.longest() };
        find(commands, envelope, stored).is_ok_and(|command| !command.replies)
    }

    /// Runs the request that was received, if any, and fills `room` with bytes for the host; returns how many.
    pub fn transmit(&mut self, mut lent: Lent<'_, G>, guest: &mut G, room: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(rest @ &mut [_, ..]) = room.get_mut(filled..) {
            filled += self.hand_out(&lent, rest);
            if filled < room.len() && !self.advance(&mut lent, guest) {
                break;
            }
        }
        filled
    }

    /// Forgets the request that was half received and the rest of the reply.
    pub const fn reset(&mut self) {
        self.scanner.reset();
        self.stage = Stage::new();
        self.phase = Phase::Receive;
    }

    /// Forgets the rest of the reply that is being sent.
    pub const fn abandon_reply(&mut self) {
        self.stage = Stage::new();
        if !matches!(self.phase, Phase::Answer(_)) {
            self.phase = Phase::Receive;
        }
    }

    fn hand_out(&mut self, lent: &Lent<'_, G>, room: &mut [u8]) -> usize {
        let staged = self.stage.hand_out(lent.stage, room);
        match &mut self.phase {
            Phase::Id { id, cursor } if self.stage.is_empty() => {
                staged + cursor.copy_ascii(id.of(lent.message), room.get_mut(staged..).unwrap_or_default())
            }
            _ => staged,
        }
    }

    /// Stages what comes next, all before being handed out; returns whether there was something.
    fn advance(&mut self, lent: &mut Lent<'_, G>, guest: &mut G) -> bool {
        match self.phase {
            Phase::Receive => return false,
            Phase::Answer(Err(problem)) => self.fail(lent, Error::Syntax(problem), None),
            Phase::Answer(Ok(envelope)) => self.answer(lent, envelope, guest),
            Phase::Run { command, arguments, id, step, carry } => {
                self.run(lent, command, (arguments, id), (step, carry), guest);
            }
            Phase::Close { id: Some(id) } => {
                self.phase = Phase::Id { id, cursor: Cursor::new() };
                self.restage(lent, ", \"id\": ");
            }
            Phase::Close { id: None } | Phase::Id { .. } => {
                self.phase = Phase::Receive;
                self.restage(lent, END);
            }
        }
        true
    }

    fn restage(&mut self, lent: &mut Lent<'_, G>, json: &str) {
        // The stage is never smaller than the few bytes that this is called with.
        let _ = self.stage.clear(lent.stage).raw(json);
    }

    /// Answers that a request has failed. What is not valid JSON has no id.
    fn fail(&mut self, lent: &mut Lent<'_, G>, error: Error, id: Option<Span>) {
        let id = id.filter(|_| !matches!(error, Error::Syntax(_)));
        stage_error(&mut self.stage.clear(lent.stage), error, lent.message);
        self.phase = Phase::Close { id };
    }

    /// Runs the first step of what a request asks for.
    fn answer(&mut self, lent: &mut Lent<'_, G>, envelope: Envelope, guest: &mut G) {
        let stored = Stored { bytes: lent.message, hole: self.scanner.longest() };
        match find(lent.commands, &envelope, stored) {
            Ok(command) => {
                let spans = (envelope.arguments.unwrap_or_default(), envelope.id);
                self.run(lent, *command, spans, (0, 0), guest);
            }
            Err(error) => self.fail(lent, error, envelope.id),
        }
    }

    fn run(
        &mut self,
        lent: &mut Lent<'_, G>,
        command: Command<G>,
        (arguments, id): (Span, Option<Span>),
        (step, carry): (usize, u64),
        guest: &mut G,
    ) {
        let mut reply = Reply::new(self.stage.clear(lent.stage));
        let (hole, decoded) = (self.scanner.longest(), Span::default());
        let mut request = Request {
            name: command.name,
            message: lent.message,
            arguments,
            end: arguments.end().max(id.unwrap_or_default().end()),
            hole,
            decoded,
            step,
            carry,
            catalogue: lent.commands,
        };
        let outcome = match step {
            0 => reply.begin().map_err(Error::from).and_then(|()| (command.handler)(guest, &mut request, &mut reply)),
            _ => (command.handler)(guest, &mut request, &mut reply),
        };
        let next_carry = request.carry;
        // In place: a list has many steps, and the rest stays as it is.
        if let (Phase::Run { step, carry, .. }, Ok(Step::More)) = (&mut self.phase, outcome) {
            (*step, *carry) = (step.saturating_add(1), next_carry);
            return;
        }
        self.phase = match outcome {
            Ok(Step::More) => Phase::Run { command, arguments, id, step: step.saturating_add(1), carry: next_carry },
            Ok(Step::Done) if command.replies => {
                reply.complete(step);
                Phase::Close { id }
            }
            Ok(Step::Done) => {
                self.stage = Stage::new();
                Phase::Receive
            }
            Err(error) if step == 0 => return self.fail(lent, error, id),
            // Part of the reply is out already, and all that can be done is to end the line.
            Err(_) => Phase::Close { id },
        };
    }
}

impl<G> Default for Machine<G> {
    fn default() -> Self {
        Self::new()
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
