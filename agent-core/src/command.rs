//! What a command is, the tables of them, and the policy over them.
//!
//! A guest's own commands stand in a table of its own beside QEMU's, and `guest-info` lists them:
//!
//! ```
//! use nanoqga::commands::sync;
//! use nanoqga::{Agent, Buffers, Command, CommandSet, Error, Failure, Parameter, Reply, Request, Step, Text, Value};
//!
//! struct Lamp {
//!     color: Color,
//!     percent: u64,
//! }
//!
//! #[derive(Clone, Copy, PartialEq, Debug)]
//! enum Color {
//!     Red,
//!     Green,
//! }
//!
//! impl<'m> Parameter<'m> for Color {
//!     fn decode(value: Value<'m>) -> Result<Self, Error> {
//!         Text::decode(value)?.one_of(&[("red", Self::Red), ("green", Self::Green)])
//!     }
//! }
//!
//! /// Switches the lamp to `color`, at `percent` or all of its power. Returns at how much it was before.
//! fn set_lamp(lamp: &mut Lamp, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
//!     let mut arguments = request.arguments();
//!     let color: Color = arguments.required("color")?;
//!     let percent: u64 = arguments.optional("percent")?.unwrap_or(100);
//!     arguments.finish()?;
//!     if percent > 100 {
//!         return Err(Failure("the lamp has no more than 100 percent").into());
//!     }
//!     lamp.color = color;
//!     Ok(reply.whole(&core::mem::replace(&mut lamp.percent, percent))?)
//! }
//!
//! const OWN: &[Command<Lamp>] = &[Command::new("example-set-lamp", set_lamp)];
//! static COMMANDS: CommandSet<Lamp> = CommandSet::new(&[sync::commands(), OWN]);
//!
//! let mut buffers: Buffers = Buffers::new();
//! let mut agent = Agent::new(&COMMANDS, buffers.memory());
//! let mut lamp = Lamp { color: Color::Red, percent: 0 };
//! let mut ask = |request: &str| {
//!     assert_eq!(agent.receive(request.as_bytes()), request.len());
//!     let mut room = [0; 256];
//!     let length = agent.transmit(&mut lamp, &mut room);
//!     String::from_utf8_lossy(&room[..length]).into_owned()
//! };
//! assert_eq!(
//!     ask(r#"{"execute": "example-set-lamp", "arguments": {"color": "green", "percent": 50}}"#),
//!     "{\"return\": 0}\n"
//! );
//! assert_eq!(
//!     ask(r#"{"execute": "example-set-lamp", "arguments": {"color": "blue"}}"#),
//!     "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Parameter 'color' does not accept value 'blue'\"}}\n"
//! );
//! assert_eq!((lamp.color, lamp.percent), (Color::Green, 50));
//! ```

use core::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::arguments::{Arguments, Parameter, Value};
use crate::error::{Error, Failure};
use crate::json::scanner::Scanner;
use crate::json::walk::Walk;
use crate::json::{Span, base64};
use crate::reply::{Reply, Step};

/// The function behind a command.
///
/// It is called with step 0, 1, 2 ... (see [`Request::step`]) until it returns another step than [`Step::More`], and adds a piece
/// of the reply each time. Whatever can fail should fail in step 0: later the reply is already on its way.
pub type Handler<G> = fn(&mut G, &mut Request<'_>, &mut Reply<'_>) -> Result<Step, Error>;

/// A command of a guest `G`: its name and what runs it.
#[derive(Debug)]
pub struct Command<G> {
    pub(crate) name: &'static str,
    pub(crate) handler: Handler<G>,
    /// Bits of [`Flag`]. In a byte and not in booleans, so that an engine without a command is all zeros.
    flags: u8,
}

/// What a command is besides.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Flag {
    WithoutSuccessReply = 1,
    WhileFrozen = 2,
    Packed = 4,
    ToTheEnd = 8,
    MayNotReturn = 16,
}

impl<G> Command<G> {
    /// A command called `name`. QEMU's own begin with `guest-`; others should begin with their maker's name.
    #[must_use]
    pub const fn new(name: &'static str, handler: Handler<G>) -> Self {
        Self { name, handler, flags: 0 }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The same command with no reply on success (QEMU's `success-response: false`).
    #[must_use]
    pub const fn without_success_reply(self) -> Self {
        self.with(Flag::WithoutSuccessReply)
    }

    /// The same command, enabled while the guest's file systems are frozen: it writes nothing.
    #[must_use]
    pub const fn while_frozen(self) -> Self {
        self.with(Flag::WhileFrozen)
    }

    /// The same command, with as many steps in a piece of the reply as fit. A step for which no room is left is repeated in the
    /// next piece: until its part of the reply is added it must change nothing, but for the carry.
    #[must_use]
    pub const fn packed(self) -> Self {
        self.with(Flag::Packed)
    }

    /// The same command, which goes on to its last step even if its host leaves: it acts on several things, a step each, and
    /// none of them may be left out.
    #[must_use]
    pub const fn to_the_end(self) -> Self {
        self.with(Flag::ToTheEnd)
    }

    /// The same command, which may not return though it has a reply: earlier replies must have left before it runs.
    #[must_use]
    pub const fn may_not_return(self) -> Self {
        self.with(Flag::MayNotReturn)
    }

    const fn with(self, flag: Flag) -> Self {
        Self { flags: self.flags | flag as u8, ..self }
    }

    pub(crate) const fn is(&self, flag: Flag) -> bool {
        self.flags & flag as u8 != 0
    }

    /// Whether a call of it may be the last thing that the guest does: it says so, or has no reply on success.
    pub(crate) const fn is_last(&self) -> bool {
        self.flags & (Flag::WithoutSuccessReply as u8 | Flag::MayNotReturn as u8) != 0
    }
}

// Derived, they would ask the same of the guest.
impl<G> Clone for Command<G> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<G> Copy for Command<G> {}

/// The commands that a guest answers, and the policy over them.
///
/// Families that are not in `tables` do not exist for a client, and their code is not linked.
#[derive(Debug)]
pub struct CommandSet<'a, G> {
    tables: &'a [&'a [Command<G>]],
    allow: Option<&'a [&'a str]>,
    block: &'a [&'a str],
    frozen: AtomicBool,
}

impl<'a, G> CommandSet<'a, G> {
    /// All commands of `tables`, all enabled. Of two with the same name the first counts.
    #[must_use]
    pub const fn new(tables: &'a [&'a [Command<G>]]) -> Self {
        Self { tables, allow: None, block: &[], frozen: AtomicBool::new(false) }
    }

    /// Disables every command that is not named here.
    #[must_use]
    pub const fn allow(self, names: &'a [&'a str]) -> Self {
        Self { allow: Some(names), ..self }
    }

    /// Disables the commands named here, even where an allow list has them.
    #[must_use]
    pub const fn block(self, names: &'a [&'a str]) -> Self {
        Self { block: names, ..self }
    }

    /// Whether file systems are frozen, for all agents that answer this set. Only commands that write nothing are enabled
    /// then. The `fsfreeze` family sets it; a guest that starts frozen sets it first.
    pub fn set_frozen(&self, frozen: bool) {
        self.frozen.store(frozen, Ordering::Relaxed);
    }

    /// Whether file systems are frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Relaxed)
    }

    fn iter(&self) -> impl Iterator<Item = &'a Command<G>> {
        self.tables.iter().copied().flatten()
    }

    fn is_enabled(&self, command: &Command<G>) -> bool {
        (command.is(Flag::WhileFrozen) || !self.is_frozen())
            && !self.block.contains(&command.name)
            && self.allow.is_none_or(|allowed| allowed.contains(&command.name))
    }

    /// The command whose name is stored at `name` of a message.
    pub(crate) fn find(&self, message: &[u8], name: Span) -> Result<&'a Command<G>, Error> {
        let wanted = name.of(message);
        let command =
            self.iter().find(|command| command.name.as_bytes() == wanted).ok_or(Error::CommandNotFound(name))?;
        if self.is_enabled(command) { Ok(command) } else { Err(Error::CommandDisabled(command.name)) }
    }
}

/// What a guest tells of one of its commands: QEMU's `GuestAgentCommandInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CommandInfo {
    /// The command's name.
    pub name: &'static str,
    /// Whether the policy lets it run.
    pub enabled: bool,
    /// Whether it replies on success.
    pub success_response: bool,
}

/// The commands of a [`CommandSet`], whatever guest they are for.
pub(crate) trait Catalogue {
    /// The command at a place (which table, which of its commands), or the next one, and the place behind it.
    fn at(&self, place: (usize, usize)) -> Option<(CommandInfo, (usize, usize))>;
    fn frozen(&self) -> bool;
    fn freeze(&self, frozen: bool);
}

impl<G> Catalogue for CommandSet<'_, G> {
    fn at(&self, (mut table, mut index): (usize, usize)) -> Option<(CommandInfo, (usize, usize))> {
        loop {
            if let Some(command) = self.tables.get(table)?.get(index) {
                let info = CommandInfo {
                    name: command.name,
                    enabled: self.is_enabled(command),
                    success_response: !command.is(Flag::WithoutSuccessReply),
                };
                return Some((info, (table, index + 1)));
            }
            (table, index) = (table + 1, 0);
        }
    }

    fn frozen(&self) -> bool {
        self.is_frozen()
    }

    fn freeze(&self, frozen: bool) {
        self.set_frozen(frozen);
    }
}

/// A request on its way through a handler.
pub struct Request<'m> {
    /// The command's name.
    pub(crate) name: &'static str,
    pub(crate) message: &'m mut [u8],
    pub(crate) arguments: Span,
    /// Where the request ends, and what it leaves of the memory begins.
    pub(crate) end: usize,
    /// What was decoded.
    pub(crate) decoded: Span,
    /// The JSON that was accepted as the reply.
    pub(crate) checked: Option<Span>,
    pub(crate) scanner: &'m mut Scanner,
    #[cfg(feature = "testing")]
    pub(crate) id: Option<Span>,
    pub(crate) step: usize,
    pub(crate) carry: u64,
    pub(crate) catalogue: &'m dyn Catalogue,
}

impl Request<'_> {
    /// The name of the command, for a handler of several.
    #[must_use]
    pub const fn command_name(&self) -> &'static str {
        self.name
    }

    /// How often the handler has been called for this request before.
    #[must_use]
    pub const fn step(&self) -> usize {
        self.step
    }

    /// What the handler left for its next step; 0 in the first.
    pub const fn carry(&mut self) -> &mut u64 {
        &mut self.carry
    }

    /// The carry as a pair of counters: which element of a list, and how far in it.
    pub(crate) const fn place(&self) -> (usize, usize) {
        ((self.carry >> 32) as usize, (self.carry & 0xFFFF_FFFF) as usize)
    }

    /// Sets the carry to such a pair. What is more than 32 bits can tell is cut: no list is as long.
    pub(crate) const fn set_place(&mut self, element: usize, inside: usize) {
        self.carry = (element as u64) << 32 | inside as u64 & 0xFFFF_FFFF;
    }

    /// The arguments.
    // Every handler calls it. Once in an image is enough.
    #[inline(never)]
    #[must_use]
    pub fn arguments(&self) -> Arguments<'_> {
        Arguments::new(self.message, self.arguments, self.scanner.members())
    }

    /// The arguments as JSON, an object or nothing, and what the request leaves free of the agent's receive buffer. That is the
    /// handler's until its last step: what one step leaves there the next one finds.
    pub fn json_and_spare(&mut self) -> (&[u8], &mut [u8]) {
        let (message, spare) = self.message.split_at_mut_checked(self.end).unwrap_or_default();
        (self.arguments.of(message), spare)
    }

    /// Checks the JSON value in the first `length` bytes of the spare memory (see [`json_and_spare`](Self::json_and_spare)), to
    /// be the whole reply of a handler that returns [`Step::Checked`] in the same step. It is copied behind itself in the form
    /// in which the engine stores JSON. The arguments are gone from then on.
    ///
    /// # Errors
    /// If it is not one valid JSON value in UTF-8, or the spare memory does not hold it twice.
    pub fn check_json(&mut self, length: usize) -> Result<(), Failure> {
        self.arguments = Span::default();
        let checked = self.store_json(length);
        // What is not JSON leaves the scanner inside a message, and the next request would be read as the rest of it.
        self.scanner.reset();
        let value = checked.ok_or(Failure("the command's reply is not valid JSON, or is too large"))?;
        self.end = value.end();
        self.checked = Some(value);
        Ok(())
    }

    /// The request's `id` as JSON, if it has one.
    #[cfg(feature = "testing")]
    pub(crate) fn id(&self) -> Option<&[u8]> {
        self.id.map(|id| id.of(self.message))
    }

    /// Has the first `length` bytes of the spare memory be the whole reply of a handler that returns [`Step::Checked`] in the same
    /// step. They are valid JSON: the engine's own.
    #[cfg(feature = "testing")]
    pub(crate) const fn reply_with(&mut self, length: usize) {
        self.checked = Some(Span::new(self.end, self.end.saturating_add(length)));
    }

    /// Stores the JSON value in the first `length` bytes of the spare memory behind itself; returns where, if it is one.
    fn store_json(&mut self, length: usize) -> Option<Span> {
        let spare = self.message.get_mut(self.end..).unwrap_or_default();
        let (json, store) = spare.split_at_mut_checked(length)?;
        // In brackets, or a number would have no end.
        for inside in [b"[", &*json] {
            if self.scanner.push(inside, store) != (inside.len(), None) {
                return None;
            }
        }
        let (1, Some(Ok(_))) = self.scanner.push(b"]", store) else { return None };
        let mut elements = Walk::new(store, Span::new(0, store.len()));
        let (Some((_, value)), None) = (elements.next(), elements.next()) else { return None };
        let store = self.end.saturating_add(length);
        Some(Span::new(store.saturating_add(value.start()), store.saturating_add(value.end())))
    }

    /// The element that is stored at `place`, of a list that was checked in step 0, and the place of the next one: going
    /// through a list an element a step, without looking at all of it each time.
    pub(crate) fn element<'s, T: Parameter<'s>>(&'s self, place: u64) -> Option<(T, u64)> {
        let mut walk = Walk::from(self.message, usize::try_from(place).ok()?);
        let (_, span) = walk.next()?;
        let element = T::decode(Value::new(self.message, span)).ok()?;
        // Behind the last one is a bracket, which begins no element.
        Some((element, walk.place().unwrap_or(span.end()) as u64))
    }

    /// Decodes the argument `name`, which is known to be a string, from base64, in place. From then on it is no string any
    /// more but what [`decoded`](Self::decoded) returns. For commands that have one such argument and one step.
    ///
    /// # Errors
    /// If it is not base64.
    pub fn decode_base64(&mut self, name: &str) -> Result<(), Error> {
        let Some(value) = self.scanner.members().find(name.as_bytes(), self.message) else { return Ok(()) };
        let inside = value.inside();
        let text = self.message.get_mut(inside.start()..inside.end()).unwrap_or_default();
        let length = base64::decode(text).map_err(|base64::Invalid| NOT_BASE64)?;
        self.decoded = Span::new(inside.start(), inside.start() + length);
        Ok(())
    }

    /// The bytes of the argument that was decoded; none if there was none.
    #[must_use]
    pub fn decoded(&self) -> &[u8] {
        self.decoded.of(self.message)
    }

    /// Whether the guest's file systems are frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.catalogue.frozen()
    }

    /// Says that file systems are frozen from now on, or no more: [`CommandSet::set_frozen`].
    pub fn set_frozen(&self, frozen: bool) {
        self.catalogue.freeze(frozen);
    }

    /// The next of the guest's commands that are linked, from the carry's place on.
    pub(crate) fn next_command(&mut self) -> Option<CommandInfo> {
        let (command, (table, index)) = self.catalogue.at(self.place())?;
        self.set_place(table, index);
        Some(command)
    }
}

impl core::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Request").field("step", &self.step).finish_non_exhaustive()
    }
}

const NOT_BASE64: Failure = Failure("Base64 data contains invalid characters");
