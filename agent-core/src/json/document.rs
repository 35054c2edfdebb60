//! A JSON object that is written in memory while things happen: first a member that is a string and grows, beside it a list that
//! grows, in the end other members.

use serde::Serialize;

use super::shape::Kind;
use super::stage::{Full, Stage};
use super::writer::Draft;

/// An object in `bytes`. The list grows in a part of its own at their end, until it is moved to its place.
#[derive(Debug)]
pub(crate) struct Document<'m> {
    bytes: &'m mut [u8],
    /// Where the list's part begins. The end of `bytes` once it is moved.
    split: usize,
    object: Stage,
    list: Stage,
}

impl<'m> Document<'m> {
    /// An object whose member `text` is an open string, and a list for which `list_room` bytes are kept.
    ///
    /// # Errors
    /// [`Full`] if there is no room for it.
    pub(crate) fn new(bytes: &'m mut [u8], text: &str, list_room: usize) -> Result<Self, Full> {
        let split = bytes.len().saturating_sub(list_room);
        let mut document = Self { bytes, split, object: Stage::new(), list: Stage::new() };
        document.list().open(Kind::Array)?;
        let mut object = document.object();
        object.open(Kind::Object)?;
        object.place(Some(text))?;
        object.open(Kind::Text)?;
        Ok(document)
    }

    /// Adds as much of `text` to the open string as fits with `reserve` bytes free behind it; returns how many bytes.
    pub(crate) fn text(&mut self, text: &str, reserve: usize) -> usize {
        self.object().text_part(text, reserve)
    }

    /// Adds an element to the list.
    ///
    /// # Errors
    /// [`Full`] if there is no room for it.
    pub(crate) fn element<T: Serialize>(&mut self, element: &T) -> Result<(), Full> {
        self.list().value(None, element)
    }

    /// Closes the string.
    pub(crate) fn end_text(&mut self) {
        self.object().close();
    }

    /// Adds the list as the member `name`. All of the memory is room for other members then.
    ///
    /// # Errors
    /// [`Full`] if there is no room for the list's name.
    pub(crate) fn add_list(&mut self, name: &str) -> Result<(), Full> {
        self.list().close();
        let mut object = self.object();
        object.place(Some(name))?;
        object.filled();
        let to = self.object.length;
        for place in 0..self.list.length {
            let byte = self.bytes.get(self.split.saturating_add(place)).copied();
            if let (Some(byte), Some(to)) = (byte, self.bytes.get_mut(to.saturating_add(place))) {
                *to = byte;
            }
        }
        self.object.length = to.saturating_add(self.list.length);
        self.split = self.bytes.len();
        Ok(())
    }

    /// The object as it is written, with room for more members.
    pub(crate) fn object(&mut self) -> Draft<'_> {
        Draft::of_rest(&mut self.object, self.bytes.get_mut(..self.split).unwrap_or_default())
    }

    /// Closes the object; returns how many bytes it has. They are the first of the memory.
    pub(crate) fn finish(mut self) -> usize {
        self.object().close();
        self.object.length
    }

    fn list(&mut self) -> Draft<'_> {
        Draft::of_rest(&mut self.list, self.bytes.get_mut(self.split..).unwrap_or_default())
    }
}
