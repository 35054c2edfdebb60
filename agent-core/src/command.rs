//! What a command is, the tables of them, and the policy over them.

use serde::Serialize;

use crate::arguments::{Arguments, Text};
use crate::error::{Error, Failure};
use crate::wire::Span;
use crate::wire::line::{Full, Piece};

/// The function behind a command.
///
/// It is called with step 0, 1, 2 ... (see [`Request::step`]) until it returns [`Step::Done`], and adds a piece of the
/// reply each time. All that can fail is to fail in step 0: later the reply is already on its way.
pub type Handler<G> = for<'m> fn(&mut G, Request<'m>, &mut Reply<'_>) -> Result<Step, Error<'m>>;

/// Whether a reply is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more: call again.
    More,
    /// That was all. A reply to which nothing was added is `{}`.
    Done,
}

/// A command of a guest `G`: its name and what runs it.
#[derive(Debug)]
pub struct Command<G> {
    pub(crate) name: &'static str,
    pub(crate) handler: Handler<G>,
    pub(crate) replies: bool,
}

impl<G> Command<G> {
    /// A command called `name`. QEMU's own begin with `guest-`; others should begin with their maker's name.
    #[must_use]
    pub const fn new(name: &'static str, handler: Handler<G>) -> Self {
        Self { name, handler, replies: true }
    }

    /// The same command with no reply on success (QEMU's `success-response: false`).
    #[must_use]
    pub const fn without_success_reply(self) -> Self {
        Self { replies: false, ..self }
    }
}

/// The commands that a guest answers, and the policy over them.
///
/// Families that are not in `tables` do not exist for a client, and their code is not linked.
#[derive(Debug)]
pub struct CommandSet<'a, G> {
    tables: &'a [&'a [Command<G>]],
    allow: Option<&'a [&'a str]>,
    block: &'a [&'a str],
}

impl<'a, G> CommandSet<'a, G> {
    /// All commands of `tables`, all enabled. Of two with the same name the first counts.
    #[must_use]
    pub const fn new(tables: &'a [&'a [Command<G>]]) -> Self {
        Self { tables, allow: None, block: &[] }
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

    fn iter(&self) -> impl Iterator<Item = &'a Command<G>> {
        self.tables.iter().copied().flatten()
    }

    fn is_enabled(&self, name: &str) -> bool {
        !self.block.contains(&name) && self.allow.is_none_or(|allowed| allowed.contains(&name))
    }

    /// The command called `name`, which is as stored in a message.
    pub(crate) fn find<'m>(&self, name: &'m [u8]) -> Result<&'a Command<G>, Error<'m>> {
        let command = self
            .iter()
            .find(|command| command.name.as_bytes() == name)
            .ok_or(Error::CommandNotFound(Text::new(name)))?;
        if self.is_enabled(command.name) { Ok(command) } else { Err(Error::CommandDisabled(command.name)) }
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
    fn nth(&self, index: usize) -> Option<CommandInfo>;
}

impl<G> Catalogue for CommandSet<'_, G> {
    fn nth(&self, index: usize) -> Option<CommandInfo> {
        self.iter().nth(index).map(|command| CommandInfo {
            name: command.name,
            enabled: self.is_enabled(command.name),
            success_response: command.replies,
        })
    }
}

/// A request on its way through a handler.
pub struct Request<'m> {
    pub(crate) message: &'m mut [u8],
    pub(crate) arguments: Span,
    pub(crate) step: usize,
    pub(crate) catalogue: &'m dyn Catalogue,
}

impl<'m> Request<'m> {
    /// How often the handler has been called for this request before.
    #[must_use]
    pub const fn step(&self) -> usize {
        self.step
    }

    /// The arguments.
    #[must_use]
    pub fn arguments(self) -> Arguments<'m> {
        let message: &'m [u8] = self.message;
        Arguments::new(self.arguments.of(message))
    }

    /// The guest's `index`-th command, of all that are linked.
    #[must_use]
    pub fn command(&self, index: usize) -> Option<CommandInfo> {
        self.catalogue.nth(index)
    }
}

impl core::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Request").field("step", &self.step).finish_non_exhaustive()
    }
}

/// The reply that a handler adds pieces to. A piece must fit the agent's stage.
#[derive(Debug)]
pub struct Reply<'s> {
    piece: Piece<'s>,
    /// Staged bytes before the handler's.
    before: usize,
}

/// The piece does not fit the agent's stage.
const TOO_LARGE: Failure = Failure("a part of the reply is larger than the agent's buffer");

impl From<Full> for Error<'_> {
    fn from(Full: Full) -> Self {
        Self::Failed(TOO_LARGE)
    }
}

impl<'s> Reply<'s> {
    pub(crate) const fn new(piece: Piece<'s>) -> Self {
        Self { piece, before: 0 }
    }

    /// Opens the line, before step 0.
    pub(crate) fn begin(&mut self) -> Result<(), Full> {
        self.piece.raw("{\"return\": ")?;
        self.before = self.piece.length();
        Ok(())
    }

    /// Completes the reply of a handler that was done in `step`.
    pub(crate) fn complete(&mut self, step: usize) {
        if step == 0 && self.piece.length() == self.before {
            // Nothing but the line's few first bytes is staged.
            let _ = self.piece.raw("{}");
        }
    }

    /// Adds `value` as JSON.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Full> {
        self.piece.json(value)
    }

    /// Adds `json` as it is: brackets, commas and names around what goes out in steps.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn raw(&mut self, json: &str) -> Result<(), Full> {
        self.piece.raw(json)
    }

    /// Adds `value` as the whole reply.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn whole<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<Step, Full> {
        self.json(value)?;
        Ok(Step::Done)
    }

    /// Adds the `index`-th element of a list, or the list's end where there is none. An element that does not fit ends
    /// the list, too, unless it is the first.
    ///
    /// # Errors
    /// [`Full`] if the first element does not fit.
    pub fn element<T: Serialize>(&mut self, index: usize, element: Option<T>) -> Result<Step, Full> {
        let before = self.piece.length();
        if let Some(element) = element {
            let added = self.raw(if index == 0 { "[" } else { "," }).and_then(|()| self.json(&element));
            if index == 0 || added.is_ok() {
                return added.map(|()| Step::More);
            }
            self.piece.truncate(before);
        }
        self.raw(if index == 0 { "[]" } else { "]" })?;
        Ok(Step::Done)
    }

    /// Sends a single 0xFF byte before the reply's line, for `guest-sync-delimited`.
    pub const fn delimit(&mut self) {
        self.piece.delimit();
    }
}
