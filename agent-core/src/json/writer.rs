//! Drafts of replies: pieces of JSON in ASCII, as QEMU writes it.

use core::fmt::{self, Write};

use super::shape::{Kind, Shape};
use super::stage::{Full, Stage};
use super::text::{encode, plain, unicode_escape};
use super::{base64, copy};

/// How much is staged, and the shape of the reply by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    length: usize,
    shape: Shape,
}

/// The piece that is being staged. What it takes to close the reply always has room.
#[derive(Debug)]
pub(crate) struct Draft<'s> {
    bytes: &'s mut [u8],
    stage: &'s mut Stage,
}

impl<'s> Draft<'s> {
    /// A draft of the first piece of a line. What was staged is dropped.
    pub(crate) const fn of_line(stage: &'s mut Stage, bytes: &'s mut [u8]) -> Self {
        stage.shape = Shape::new();
        Self::of_piece(stage, bytes)
    }

    /// A draft of the next piece. What was staged is dropped.
    pub(crate) const fn of_piece(stage: &'s mut Stage, bytes: &'s mut [u8]) -> Self {
        stage.clear();
        Self { bytes, stage }
    }

    /// A draft that goes on behind what is staged.
    #[cfg(feature = "testing")]
    pub(super) const fn of_rest(stage: &'s mut Stage, bytes: &'s mut [u8]) -> Self {
        Self { bytes, stage }
    }
}

impl Draft<'_> {
    pub(crate) const fn mark(&self) -> Mark {
        Mark { length: self.stage.length, shape: self.stage.shape }
    }

    /// Goes back to a mark.
    pub(crate) fn restore(&mut self, mark: Mark) {
        self.truncate(mark.length);
        self.stage.shape = mark.shape;
    }

    /// Adds what stands before a value, and its name if it is a member.
    pub(crate) fn place(&mut self, name: Option<&str>) -> Result<(), Full> {
        let separator = self.stage.shape.separator(name.is_some()).ok_or(Full)?;
        self.raw(separator)?;
        if let Some(name) = name {
            self.text(name)?;
            self.raw(":")?;
        }
        Ok(())
    }

    /// Adds the beginning of a value. Its first byte is the comma, which is left out before a first value.
    pub(super) fn begin_value(&mut self, json: &str) -> Result<(), Full> {
        let separator = self.stage.shape.separator(false).ok_or(Full)?;
        self.raw(json.get(usize::from(separator.is_empty())..).unwrap_or_default())
    }

    /// Adds a value in its place.
    pub(super) const fn filled(&mut self) {
        self.stage.shape.fill();
    }

    /// Opens a bracket.
    pub(crate) fn open(&mut self, kind: Kind) -> Result<(), Full> {
        let bracket = self.stage.shape.open(kind).ok_or(Full)?;
        self.raw(bracket)
    }

    /// Opens the object again that was added last, and that has members.
    pub(crate) fn reopen(&mut self) -> Result<(), Full> {
        let bracket = self.stage.length.wrapping_sub(1);
        if self.bytes.get(bracket) != Some(&b'}') {
            return Err(Full);
        }
        self.stage.shape.reopen().ok_or(Full)?;
        self.truncate(bracket);
        Ok(())
    }

    /// Closes the innermost bracket; returns whether there was one.
    pub(crate) fn close(&mut self) -> bool {
        let Some(bracket) = self.stage.shape.close() else { return false };
        // There is always room: see `raw`.
        let _ = self.raw(bracket);
        true
    }

    /// Whether a string is open.
    pub(crate) const fn is_in_text(&self) -> bool {
        self.stage.shape.is_in_text()
    }

    /// Whether the innermost bracket is that of an array.
    pub(crate) const fn is_in_array(&self) -> bool {
        self.stage.shape.is_in_array()
    }

    /// Whether there is no value yet.
    pub(crate) const fn is_empty(&self) -> bool {
        self.stage.shape.is_empty()
    }

    /// How many bytes may still be staged, in this step.
    pub(crate) fn room(&self) -> usize {
        self.limit().saturating_sub(self.stage.length)
    }

    fn limit(&self) -> usize {
        self.bytes.len().saturating_sub(self.stage.shape.closing())
    }

    /// Adds `json` as it is.
    pub(crate) fn raw(&mut self, json: &str) -> Result<(), Full> {
        self.bytes(json.as_bytes())
    }

    /// Adds the base64 of what `source` fills the room that it is given with; returns how much it filled. The room is
    /// what fits the stage if `reserve` bytes stay free after it, in whole groups of three bytes.
    ///
    /// # Errors
    /// Those of `source`; nothing is added then.
    pub(crate) fn base64<E>(
        &mut self,
        reserve: usize,
        source: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let end = self.limit().saturating_sub(reserve);
        let room = self.bytes.get_mut(self.stage.length..end).unwrap_or_default();
        let (filled, encoded) = base64::encode(room, source)?;
        self.stage.length += encoded;
        Ok(filled)
    }

    /// Adds what `write` writes as a JSON string, cut so that `reserve` bytes stay free after it.
    ///
    /// # Errors
    /// [`Full`] if not even an empty string fits.
    pub(crate) fn text_cut(
        &mut self,
        reserve: usize,
        write: impl FnOnce(&mut dyn Write) -> fmt::Result,
    ) -> Result<(), Full> {
        self.raw("\"")?;
        // An error here says that the text was cut.
        let _ = write(&mut Inside { draft: self, reserve: reserve + 1 });
        self.raw("\"")
    }

    /// Adds `text` as a JSON string.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Full> {
        self.raw("\"")?;
        self.inside(text, 0)?;
        self.raw("\"")
    }

    /// Adds what `text` displays as a JSON string.
    pub(super) fn displayed<T: fmt::Display + ?Sized>(&mut self, text: &T) -> Result<(), Full> {
        self.raw("\"")?;
        write!(Inside { draft: self, reserve: 0 }, "{text}").map_err(|fmt::Error| Full)?;
        self.raw("\"")
    }

    /// Adds the characters of `text` as the inside of a JSON string, as long as they fit and `reserve` bytes stay free after
    /// them. Returns how much of `text` that is, in bytes.
    pub(crate) fn text_part(&mut self, text: &str, reserve: usize) -> usize {
        let limit = self.limit().saturating_sub(reserve);
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let room = limit.saturating_sub(self.length());
            let run = plain(rest.as_bytes(), 0x7F).min(room);
            let width = if run > 0 { run } else { character.len_utf8() };
            let Some((first, others)) = rest.split_at_checked(width) else { break };
            let added = if run > 0 { self.bytes(first.as_bytes()) } else { self.escaped(character, room) };
            if added.is_err() {
                break;
            }
            rest = others;
        }
        text.len() - rest.len()
    }

    /// Adds a character that is not plain, if it takes no more than `room` bytes.
    fn escaped(&mut self, character: char, room: usize) -> Result<(), Full> {
        let (bytes, count) = escape(character);
        if count > room { Err(Full) } else { self.bytes(bytes.get(..count).unwrap_or_default()) }
    }

    /// Adds all characters of `text` as the inside of a JSON string, with `reserve` bytes free after them.
    pub(super) fn inside(&mut self, text: &str, reserve: usize) -> Result<(), Full> {
        if reserve == 0 && plain(text.as_bytes(), 0x7F) == text.len() {
            return self.raw(text);
        }
        if self.text_part(text, reserve) == text.len() { Ok(()) } else { Err(Full) }
    }

    /// Has a single [`DELIMITER`](super::stage::DELIMITER) go out before what is staged.
    pub(crate) const fn delimit(&mut self) {
        self.stage.delimited = true;
    }

    /// How many bytes are staged.
    pub(super) const fn length(&self) -> usize {
        self.stage.length
    }

    /// Takes back what was added after the first `length` bytes.
    pub(super) fn truncate(&mut self, length: usize) {
        self.stage.length = length.min(self.stage.length);
    }

    pub(super) fn starts_text_at(&self, place: usize) -> bool {
        self.bytes.get(place) == Some(&b'"')
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let limit = self.limit();
        let room = self.bytes.get_mut(..limit).unwrap_or_default();
        self.stage.length = copy(bytes, room, self.stage.length).ok_or(Full)?;
        Ok(())
    }
}

/// Writes the inside of a JSON string, with so many bytes free after it.
struct Inside<'p, 's> {
    draft: &'p mut Draft<'s>,
    reserve: usize,
}

impl Write for Inside<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.draft.inside(text, self.reserve).map_err(|Full| fmt::Error)
    }
}

/// A place in stored text, which is UTF-8, that is handed out as ASCII.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    /// Source bytes handed out completely.
    at: usize,
    /// Bytes of the next character's escape that are out already.
    escaped: usize,
}

impl Cursor {
    /// At the beginning.
    #[must_use]
    pub(crate) const fn new() -> Self {
        Self { at: 0, escaped: 0 }
    }

    /// Copies on from the cursor's place in `source`, each character outside printable ASCII as its escape. Returns how
    /// many bytes of `room` are filled.
    // Kept whole, for size: only ids pass here.
    #[inline(never)]
    pub fn copy_ascii(&mut self, source: &[u8], room: &mut [u8]) -> usize {
        let mut filled = 0;
        while let (Some(rest @ &[_, ..]), Some(space @ &mut [_, ..])) = (source.get(self.at..), room.get_mut(filled..))
        {
            let mut plain = 0;
            for (to, byte) in space.iter_mut().zip(rest).take_while(|(_, byte)| **byte < 0x7F) {
                *to = *byte;
                plain += 1;
            }
            if plain > 0 {
                self.at += plain;
                filled += plain;
                continue;
            }
            let (character, width) = first_char(rest);
            let (bytes, count) = escape(character);
            for (to, byte) in space.iter_mut().zip(bytes.iter().take(count).skip(self.escaped)) {
                *to = *byte;
                self.escaped += 1;
                filled += 1;
            }
            if self.escaped == count {
                self.at += width;
                self.escaped = 0;
            }
        }
        filled
    }
}

/// The first character of `bytes` and its width; what is not UTF-8 stands as U+FFFD.
fn first_char(bytes: &[u8]) -> (char, usize) {
    let width = match bytes.first() {
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..) => 4,
        _ => 1,
    };
    let text = bytes.get(..width).and_then(|bytes| core::str::from_utf8(bytes).ok());
    text.and_then(|text| text.chars().next()).map_or((char::REPLACEMENT_CHARACTER, 1), |character| (character, width))
}

/// A character inside a JSON string, in ASCII as QEMU writes it: the bytes, and how many of them count.
fn escape(character: char) -> ([u8; 12], usize) {
    let mut bytes = [0; 12];
    let mut units = [0; 2];
    if character < '\u{7F}' {
        let (encoded, count) = encode(character);
        bytes.iter_mut().zip(encoded).for_each(|(to, byte)| *to = byte);
        return (bytes, count);
    }
    let units = character.encode_utf16(&mut units);
    let escapes = units.iter().flat_map(|unit| unicode_escape(*unit));
    bytes.iter_mut().zip(escapes).for_each(|(to, byte)| *to = byte);
    (bytes, units.len() * 6)
}
