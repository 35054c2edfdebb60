//! The reply that a handler builds, a piece a step.
//!
//! What fails in step 0 is told to the client. Later the reply is on its way, so what is found to fail then is left out:
//! a list ends early, an optional member is missing. The line stays whole.

use serde::Serialize;

use crate::error::{Error, Failure};
use crate::json::writer::{Cursor, Full, Piece};

/// Whether a reply is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more: call again.
    More,
    /// That was all. A reply to which nothing was added is `{}`.
    Done,
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

impl From<Full> for Error {
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

    /// Adds the `index`-th element of a list, or the list's end where there is none. An element that does not fit or
    /// cannot be had ends the list, too, unless it is the first.
    ///
    /// # Errors
    /// If the first element does not fit or cannot be had.
    pub fn element<T: Serialize>(&mut self, index: usize, element: Result<Option<T>, Failure>) -> Result<Step, Error> {
        let before = self.length();
        if let Some(element) = if index == 0 { element? } else { element.unwrap_or_default() } {
            let added = self.raw(if index == 0 { "[" } else { "," }).and_then(|()| self.json(&element));
            if index == 0 || added.is_ok() {
                return Ok(added.map(|()| Step::More)?);
            }
            self.truncate(before);
        }
        self.raw(if index == 0 { "[]" } else { "]" })?;
        Ok(Step::Done)
    }

    /// Adds the base64 of what `source` fills the room that it is given with; returns how much it filled. Room is left for
    /// `reserve` more bytes of this step. The inside of a string may go out in several steps as long as all but the last
    /// fill their room.
    ///
    /// # Errors
    /// Those of `source`.
    pub fn base64<E>(
        &mut self,
        reserve: usize,
        source: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        self.piece.base64(reserve, source)
    }

    /// Adds as much of `text` as fits, as the inside of a string, and leaves room for `reserve` more bytes of this step.
    /// Returns how many bytes of `text` that is.
    pub fn text_part(&mut self, text: &str, reserve: usize) -> usize {
        self.piece.text_part(text, reserve)
    }

    /// Adds as much of `json` as fits, from the cursor's place on. It is to be what the scanner stores: valid, in UTF-8.
    pub fn json_part(&mut self, json: &[u8], cursor: &mut Cursor) {
        self.piece.ascii(json, cursor);
    }

    /// Sends a single 0xFF byte before the reply's line, for `guest-sync-delimited`.
    pub const fn delimit(&mut self) {
        self.piece.delimit();
    }

    /// Adds `value`, an object with a member or more, and leaves it open for more members.
    pub(crate) fn open<T: Serialize>(&mut self, value: &T) -> Result<(), Full> {
        self.json(value)?;
        self.truncate(self.length().saturating_sub(1));
        Ok(())
    }

    /// Adds a member to an open object if there is one and it fits.
    pub(crate) fn member<T: Serialize>(&mut self, name: &str, value: Option<T>) {
        let before = self.length();
        if let Some(value) = value
            && self.name(name).and_then(|()| self.json(&value)).is_err()
        {
            self.truncate(before);
        }
    }

    /// Adds the `index`-th element of the list that is the member `name` of an open object, or the list's end. An empty
    /// list is no member. Returns whether there may be more.
    pub(crate) fn inner_element<T: Serialize>(&mut self, name: &str, index: usize, element: Option<T>) -> bool {
        let before = self.length();
        if let Some(element) = element {
            let begun = if index == 0 { self.name(name).and_then(|()| self.raw("[")) } else { self.raw(",") };
            if begun.and_then(|()| self.json(&element)).is_ok() {
                return true;
            }
            self.truncate(before);
        }
        if index > 0 {
            self.close("]");
        }
        false
    }

    /// Adds a few closing brackets or quotes, for which a step's fresh stage always has room.
    pub(crate) fn close(&mut self, json: &str) {
        let _ = self.raw(json);
    }

    pub(crate) const fn length(&self) -> usize {
        self.piece.length()
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.piece.truncate(length);
    }

    fn name(&mut self, name: &str) -> Result<(), Full> {
        self.raw(",\"")?;
        self.raw(name)?;
        self.raw("\":")
    }
}
