//! The state machine: bytes in, a command run, its reply out.
//!
//! It has no memory and no commands of its own; both are lent for each call. [`Agent`](crate::Agent) is it with both, for guests
//! that know them from the start.

use crate::cause::Cause;
use crate::command::{Command, CommandSet, Flag, Request};
use crate::error::Error;
use crate::json::Span;
use crate::json::scanner::{Envelope, Scanner};
use crate::json::stage::{Full, Stage};
use crate::json::syntax::{Problem, Syntax};
use crate::json::writer::{Cursor, Draft};
use crate::reply::{Reply, Step};

/// What every reply ends with. The stage keeps room for it.
const END: &str = "}\n";

/// The memory that an [`Engine`] is lent for a call.
#[derive(Debug)]
pub struct Memory<'m> {
    /// Where a request is stored: the same bytes in each call. They are as long as the longest request may be; the first 4 GiB
    /// are used.
    pub request: &'m mut [u8],
    /// Where a piece of a reply is staged: the same bytes in each call, at least 128.
    pub reply: &'m mut [u8],
}

/// What became of bytes for [`Engine::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Received {
    /// So many were taken.
    Taken(usize),
    /// None were taken, because the memory for requests is full. Lend longer memory that begins with the same bytes, or
    /// [`refuse`](Engine::refuse) the request.
    NeedsRoom,
}

/// The state of an agent for one channel. What its methods do is said at those of [`Agent`](crate::Agent).
#[derive(Debug)]
pub struct Engine<G> {
    scanner: Scanner,
    stage: Stage,
    cause: Cause,
    phase: Phase,
    /// The request's id, until it is sent.
    id: Option<Span>,
    run: Run<G>,
}

/// What comes once the stage is handed out. The first is all zeros, as a new engine is: a static one costs an image no bytes.
#[derive(Debug)]
#[repr(u8)]
enum Phase {
    /// Bytes of the next request.
    Receive,
    /// The answer to a message.
    Answer(Result<Envelope, Syntax>),
    /// The next step of the command.
    Run,
    /// Stored JSON, from the cursor's place on, and then the rest of the reply.
    Json { json: Span, cursor: Cursor },
    /// The rest of the reply: the request's id, and the end of the line.
    Rest,
}

/// The command on its way.
#[derive(Debug)]
struct Run<G> {
    command: Option<Command<G>>,
    arguments: Span,
    step: usize,
    carry: u64,
    /// Whether the host has gone: the command goes on to its end, and nobody is told.
    unheard: bool,
}

impl<G> Engine<G> {
    /// A constant, so that it is made by zeroing memory, and not field by field.
    const NEW: Self = Self {
        scanner: Scanner::new(),
        stage: Stage::new(),
        cause: Cause::new(),
        phase: Phase::Receive,
        id: None,
        run: Run { command: None, arguments: Span::new(0, 0), step: 0, carry: 0, unheard: false },
    };

    /// Before the first byte of a request.
    #[must_use]
    pub const fn new() -> Self {
        Self::NEW
    }

    /// Takes bytes from the host, up to the end of a request.
    pub fn receive(&mut self, memory: &mut Memory<'_>, bytes: &[u8]) -> Received {
        if !self.is_receiving() {
            return Received::Taken(0);
        }
        let length = memory.request.len().min(u32::MAX as usize);
        let store = memory.request.get_mut(..length).unwrap_or_default();
        match self.scanner.push(bytes, store) {
            (0, Some(Err(Syntax { problem: Problem::TooLarge, .. }))) => Received::NeedsRoom,
            (taken, None | Some(Err(Syntax { problem: Problem::TooLarge, .. }))) => Received::Taken(taken),
            (taken, Some(outcome)) => {
                self.phase = Phase::Answer(outcome);
                Received::Taken(taken)
            }
        }
    }

    /// Gives up the request that needs more room than there is: its host is told so, and the rest of it is skipped.
    pub fn refuse(&mut self) {
        self.phase = Phase::Answer(Err(self.scanner.refuse()));
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

    /// Whether the request that was received is for a command that may not return, such as one without a reply on success.
    #[must_use]
    pub fn may_not_return(&self, commands: &CommandSet<'_, G>, memory: &Memory<'_>) -> bool {
        let Phase::Answer(Ok(envelope)) = &self.phase else { return false };
        find(commands, envelope, memory.request).is_ok_and(Command::is_last)
    }

    /// Runs the request that was received, if any, and fills `room` with bytes for the host; returns how many.
    #[must_use]
    // Kept whole: the images are smaller so.
    #[inline(never)]
    pub fn transmit(
        &mut self,
        commands: &CommandSet<'_, G>,
        memory: &mut Memory<'_>,
        guest: &mut G,
        room: &mut [u8],
    ) -> usize {
        let mut filled = 0;
        while let Some(rest @ &mut [_, ..]) = room.get_mut(filled..) {
            filled += self.hand_out(memory, rest);
            if filled < room.len() && !self.advance(commands, memory, guest) {
                break;
            }
        }
        filled
    }

    /// Forgets the request that was half received and the rest of the reply.
    pub const fn reset(&mut self) {
        self.scanner.reset();
        self.leave();
    }

    /// Forgets the rest of the reply that is being sent.
    pub const fn abandon_reply(&mut self) {
        if matches!(self.phase, Phase::Answer(_)) {
            self.stage = Stage::new();
        } else {
            self.leave();
        }
    }

    /// The host has gone.
    const fn leave(&mut self) {
        self.stage = Stage::new();
        match &self.run.command {
            Some(command) if matches!(self.phase, Phase::Run) && command.is(Flag::ToTheEnd) => self.run.unheard = true,
            _ => self.phase = Phase::Receive,
        }
    }

    fn hand_out(&mut self, memory: &Memory<'_>, room: &mut [u8]) -> usize {
        let staged = self.stage.hand_out(memory.reply, room);
        match &mut self.phase {
            // It has no room before all is out that was staged.
            Phase::Json { json, cursor } => {
                staged + cursor.copy_ascii(json.of(memory.request), room.get_mut(staged..).unwrap_or_default())
            }
            _ => staged,
        }
    }

    /// Stages what comes next, all before being handed out; returns whether there was something.
    // Kept whole: the images are smaller so.
    #[inline(never)]
    fn advance(&mut self, commands: &CommandSet<'_, G>, memory: &mut Memory<'_>, guest: &mut G) -> bool {
        match &self.phase {
            Phase::Receive => return false,
            Phase::Answer(outcome) => {
                // What is not valid JSON has no id.
                let envelope = outcome.unwrap_or_default();
                self.id = envelope.id;
                let arguments = envelope.arguments.unwrap_or_default();
                self.run = Run { command: None, arguments, step: 0, carry: 0, unheard: false };
                let command =
                    outcome.map_err(Error::Syntax).and_then(|envelope| find(commands, &envelope, memory.request));
                match command {
                    Ok(command) => {
                        self.run.command = Some(*command);
                        self.run(commands, memory, guest);
                    }
                    Err(error) => self.fail(memory, error),
                }
            }
            Phase::Run => self.run(commands, memory, guest),
            Phase::Json { .. } | Phase::Rest => {
                let json = match self.id.take() {
                    Some(json) => {
                        self.phase = Phase::Json { json, cursor: Cursor::new() };
                        ", \"id\": "
                    }
                    None => {
                        self.phase = Phase::Receive;
                        END
                    }
                };
                // The stage is never smaller than these few bytes.
                let _ = Draft::of_line(&mut self.stage, memory.reply).raw(json);
            }
        }
        true
    }

    /// Answers that a request has failed.
    fn fail(&mut self, memory: &mut Memory<'_>, error: Error) {
        let mut draft = Draft::of_line(&mut self.stage, memory.reply);
        // The smallest stage that can be has room for this with an empty text.
        let _ = stage_error(&mut draft, error, (memory.request, self.run.arguments), &self.cause);
        self.phase = Phase::Rest;
    }

    /// Runs the next step of the command, or as many as fit.
    fn run(&mut self, commands: &CommandSet<'_, G>, memory: &mut Memory<'_>, guest: &mut G) {
        let Run { command: Some(command), arguments, step, carry, unheard } = &mut self.run else { return };
        let first = *step == 0;
        let draft = if first {
            self.cause.clear();
            let mut draft = Draft::of_line(&mut self.stage, memory.reply);
            // The smallest stage has room for it.
            let _ = draft.raw("{\"return\": ");
            draft
        } else {
            Draft::of_piece(&mut self.stage, memory.reply)
        };
        let mut reply = Reply::new(draft, &mut self.cause, first);
        let (outcome, checked) = loop {
            let mark = reply.draft().mark();
            let mut request = Request {
                name: command.name,
                message: memory.request,
                arguments: *arguments,
                end: arguments.end().max(self.id.unwrap_or_default().end()),
                decoded: Span::default(),
                checked: None,
                scanner: &mut self.scanner,
                #[cfg(feature = "testing")]
                id: self.id,
                step: *step,
                carry: *carry,
                catalogue: commands,
            };
            let outcome = (command.handler)(guest, &mut request, &mut reply);
            if matches!(outcome, Ok(Step::More)) {
                (*step, *carry) = (step.saturating_add(1), request.carry);
                if command.is(Flag::Packed) && !*unheard {
                    reply.next_step();
                    continue;
                }
            } else if matches!(outcome, Err(Error::Full)) && reply.retries() {
                // There is room for it in an empty stage, or never.
                reply.draft().restore(mark);
                break (Ok(Step::More), None);
            }
            break (outcome, request.checked);
        };
        self.phase = match outcome {
            Ok(Step::More) => Phase::Run,
            Err(error) if first && *step == 0 && !*unheard => return self.fail(memory, error),
            Ok(_) if command.is(Flag::WithoutSuccessReply) => Phase::Receive,
            _ if *unheard => Phase::Receive,
            Ok(Step::Checked) if checked.is_some() && reply.draft().is_empty() => {
                Phase::Json { json: checked.unwrap_or_default(), cursor: Cursor::new() }
            }
            // If it fails late, part of the reply is out already, and all that can be done is to close it.
            _ => {
                reply.complete();
                Phase::Rest
            }
        };
        if *unheard || matches!(self.phase, Phase::Receive) {
            self.stage = Stage::new();
        }
    }
}

impl<G> Default for Engine<G> {
    fn default() -> Self {
        Self::new()
    }
}

/// The command that a request is for, after QEMU's checks in QEMU's order.
fn find<'a, G>(commands: &CommandSet<'a, G>, envelope: &Envelope, message: &[u8]) -> Result<&'a Command<G>, Error> {
    let begins_with = |span: Span, byte| span.of(message).first() == Some(&byte);
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
    commands.find(message, envelope.execute.ok_or(Error::NoExecute)?.inside())
}

/// Stages all of an error reply but its end. A text that the stage has no room for is cut.
fn stage_error(
    draft: &mut Draft<'_>,
    error: Error,
    (message, arguments): (&[u8], Span),
    cause: &Cause,
) -> Result<(), Full> {
    draft.raw("{\"error\": {\"class\": \"")?;
    draft.raw(error.class())?;
    draft.raw("\", \"desc\": ")?;
    draft.text_cut(1, |text| error.describe(message, arguments, cause).write(text))?;
    draft.raw("}")
}
