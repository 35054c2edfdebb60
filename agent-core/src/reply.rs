//! The reply that a handler writes, a piece a step.
//!
//! The writer adds commas and brackets itself, and closes what is open when the handler is done. So a reply is valid JSON
//! whatever a handler does: a call that would break it is refused with [`Full`] and adds nothing.
//!
//! What fails in step 0 is told to the client. Later the reply is on its way, so what is found to fail then is left out:
//! a list ends early, an optional member is missing.

use serde::Serialize;

use crate::cause::Cause;
use crate::error::{Error, Failure};
pub use crate::json::shape::{Kind, MAX_OPEN};
pub use crate::json::stage::Full;
use crate::json::writer::Draft;

/// What a step of a handler came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// There is more: call again.
    More,
    /// That was all. What is open is closed; a reply without a value is `{}`.
    Done,
    /// That was all, and the reply is what [`Request::check_json`](crate::Request::check_json) has accepted in this step.
    Checked,
}

/// The reply that a handler adds pieces to. What one step adds must fit the agent's stage.
#[derive(Debug)]
pub struct Reply<'s> {
    draft: Draft<'s>,
    cause: &'s mut Cause,
    /// Whether a step that fails for lack of room is repeated with all of the stage.
    retries: bool,
    first: bool,
}

impl<'s> Reply<'s> {
    pub(crate) const fn new(draft: Draft<'s>, cause: &'s mut Cause, first: bool) -> Self {
        Self { draft, cause, retries: false, first }
    }

    /// The same reply, for another step in the same stage.
    pub(crate) const fn next_step(&mut self) {
        (self.retries, self.first) = (true, false);
    }

    /// Whether a step that finds no room is repeated with all of the stage.
    pub(crate) const fn retries(&self) -> bool {
        self.retries
    }

    /// Closes all that is open, after the last step.
    pub(crate) fn complete(&mut self) {
        if self.draft.is_empty() {
            // Nothing but the line's few first bytes is staged.
            let _ = self.open(Kind::Object);
        }
        while self.draft.close() {}
    }

    pub(crate) const fn draft(&mut self) -> &mut Draft<'s> {
        &mut self.draft
    }
}

impl Reply<'_> {
    /// Where a handler, or the guest that it asks, writes what is only known now of why it fails: the [`Failure`]'s text is put
    /// before it.
    pub const fn cause(&mut self) -> &mut Cause {
        self.cause
    }

    /// How many bytes this step can still add. A handler that does something which it cannot do twice first makes sure that
    /// there is room for the answer.
    #[must_use]
    pub fn room(&self) -> usize {
        self.draft.room()
    }

    /// Adds `value` as the whole reply, or as the next element of an open array.
    ///
    /// # Errors
    /// [`Full`] if it does not fit, or may not stand here.
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Full> {
        self.draft.value(None, value)
    }

    /// Adds a member to an open object; a `None` is left out. It is the handler's part to use no name twice.
    ///
    /// # Errors
    /// [`Full`] if it does not fit, or may not stand here.
    pub fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Full> {
        self.draft.value(Some(name), value)
    }

    /// Opens an object, an array or a string where a value may stand.
    ///
    /// # Errors
    /// [`Full`] if it does not fit, may not stand here, or would be nested deeper than [`MAX_OPEN`].
    pub fn open(&mut self, kind: Kind) -> Result<(), Full> {
        self.begin(None, kind)
    }

    /// Opens an object, an array or a string as a member of an open object.
    ///
    /// # Errors
    /// [`Full`] as for [`open`](Self::open).
    pub fn open_member(&mut self, name: &str, kind: Kind) -> Result<(), Full> {
        self.begin(Some(name), kind)
    }

    /// Closes what was opened last. There is always room for it; with nothing open it does nothing.
    pub fn close(&mut self) {
        self.draft.close();
    }

    /// Adds as much of `text` as fits to the open string; returns how many bytes of `text` that is, 0 if no string is open. Room
    /// is left for `reserve` more bytes of this step.
    pub fn text_part(&mut self, text: &str, reserve: usize) -> usize {
        if self.draft.is_in_text() { self.draft.text_part(text, reserve) } else { 0 }
    }

    /// Adds the base64 of what `source` fills the room that it is given with to the open string; returns how much it
    /// filled. Room is left for `reserve` more bytes of this step. A string may be filled by several steps as long as all but
    /// the last fill their room. Without an open string the room is empty.
    ///
    /// # Errors
    /// Those of `source`.
    pub fn base64_part<E>(
        &mut self,
        reserve: usize,
        source: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let reserve = if self.draft.is_in_text() { reserve } else { usize::MAX };
        self.draft.base64(reserve, source)
    }

    /// Does `work`, and takes back what that has added if it fails.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn attempt<R, E>(&mut self, work: impl FnOnce(&mut Self) -> Result<R, E>) -> Result<R, E> {
        let mark = self.draft.mark();
        work(self).inspect_err(|_| self.draft.restore(mark))
    }

    /// Adds `value` as the whole reply.
    ///
    /// # Errors
    /// [`Full`] if it does not fit.
    pub fn whole<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<Step, Full> {
        self.value(value)?;
        Ok(Step::Done)
    }

    /// Adds the next element of a list, which is opened before its first, or ends the list where there is no more. Of what cannot
    /// be told any more, one that cannot be had ends the list, and one that does not fit is left out.
    ///
    /// # Errors
    /// If the first element cannot be had or does not fit.
    pub fn element<T: Serialize>(&mut self, element: Result<Option<T>, Failure>) -> Result<Step, Error> {
        let Some(element) = self.next_element(element)? else { return Ok(Step::Done) };
        let added = self.value(&element);
        self.end_element(added)
    }

    /// Opens the list before its first element, and ends it where there is no more.
    pub(crate) fn next_element<T>(&mut self, element: Result<Option<T>, Failure>) -> Result<Option<T>, Error> {
        if !self.draft.is_in_array() {
            self.open(Kind::Array)?;
        }
        let element = if self.first { element? } else { element.unwrap_or_default() };
        if element.is_none() {
            self.close();
        }
        Ok(element)
    }

    /// Ends an element that was `added`, or left out.
    pub(crate) fn end_element(&mut self, added: Result<(), Full>) -> Result<Step, Error> {
        match added {
            Err(full) if self.first || self.retries => Err(full.into()),
            Ok(()) | Err(Full) => Ok(Step::More),
        }
    }

    /// Adds an object that has this `name`, with the `rest` of its JSON from the name's closing quote on.
    pub(crate) fn named(&mut self, name: &str, rest: &str) -> Result<(), Full> {
        self.draft.named(name, rest)
    }

    /// Adds a member to six decimals.
    pub(crate) fn decimal(&mut self, name: &str, value: f64) -> Result<(), Full> {
        self.draft.decimal(name, value)
    }

    /// Sends a single 0xFF byte before the reply's line, for `guest-sync-delimited`.
    pub const fn delimit(&mut self) {
        self.draft.delimit();
    }

    /// Adds `value`, which is an object with members, as a value or a member of this name, and leaves it open for more.
    pub(crate) fn open_with<T: Serialize>(&mut self, name: Option<&str>, value: &T) -> Result<(), Full> {
        self.attempt(|reply| {
            reply.draft.value(name, value)?;
            reply.draft.reopen()
        })
    }

    fn begin(&mut self, name: Option<&str>, kind: Kind) -> Result<(), Full> {
        self.attempt(|reply| {
            reply.draft.place(name)?;
            reply.draft.open(kind)
        })
    }
}
