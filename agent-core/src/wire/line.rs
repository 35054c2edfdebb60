//! Replies: one line of ASCII each, handed out in pieces into whatever room there is.

use core::fmt::{self, Write};

use serde::Serialize;

use super::text::{encode, unicode_escape};

/// What `guest-sync-delimited` puts before its reply, for a host to find its beginning: a byte that no JSON text holds.
pub const DELIMITER: u8 = 0xFF;

/// Bytes that are serialised but not yet handed out: UTF-8 JSON in a fixed buffer.
#[derive(Clone, Debug)]
pub struct Stage<const N: usize> {
    bytes: [u8; N],
    length: usize,
    cursor: Cursor,
    /// Whether a [`DELIMITER`] is to go out first.
    delimited: bool,
}

impl<const N: usize> Stage<N> {
    /// An empty stage.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; N], length: 0, cursor: Cursor::new(), delimited: false }
    }

    /// Drops what is staged and opens the stage for the next piece.
    pub fn clear(&mut self) -> Piece<'_> {
        self.length = 0;
        self.cursor = Cursor::new();
        self.delimited = false;
        Piece { bytes: &mut self.bytes, length: &mut self.length, delimited: &mut self.delimited }
    }

    /// Hands staged bytes out as ASCII; returns how many of `room` are filled.
    pub fn hand_out(&mut self, room: &mut [u8]) -> usize {
        let staged = self.bytes.get(..self.length).unwrap_or_default();
        match room {
            [first, rest @ ..] if self.delimited => {
                *first = DELIMITER;
                self.delimited = false;
                1 + self.cursor.copy_ascii(staged, rest)
            }
            _ => self.cursor.copy_ascii(staged, room),
        }
    }

    /// Whether everything staged has been handed out.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cursor.at >= self.length
    }
}

impl<const N: usize> Default for Stage<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is being staged.
#[derive(Debug)]
pub struct Piece<'s> {
    bytes: &'s mut [u8],
    length: &'s mut usize,
    delimited: &'s mut bool,
}

/// The stage is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Piece<'_> {
    /// Adds `json` as it is.
    ///
    /// # Errors
    /// [`Full`] if it does not fit; nothing is added then.
    pub fn raw(&mut self, json: &str) -> Result<(), Full> {
        self.extend(json.as_bytes())
    }

    /// Adds `value` as JSON.
    ///
    /// # Errors
    /// [`Full`] if it does not fit; nothing is added then.
    pub fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Full> {
        let room = self.bytes.get_mut(*self.length..).ok_or(Full)?;
        *self.length += serde_json_core::to_slice(value, room).map_err(|_| Full)?;
        Ok(())
    }

    /// Adds `text` as a JSON string, cut where the stage would have less than `reserve` bytes left after it.
    ///
    /// # Errors
    /// [`Full`] if not even an empty string fits.
    pub fn text_cut(&mut self, text: &dyn fmt::Display, reserve: usize) -> Result<(), Full> {
        self.raw("\"")?;
        let limit = self.bytes.len().saturating_sub(reserve + 1);
        // An error here says that the text was cut.
        let _ = write!(Cut { piece: self, limit }, "{text}");
        self.raw("\"")
    }

    /// Has a single [`DELIMITER`] go out before what is staged.
    pub const fn delimit(&mut self) {
        *self.delimited = true;
    }

    /// How many bytes are staged.
    #[must_use]
    pub const fn length(&self) -> usize {
        *self.length
    }

    /// Takes back what was added after the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        *self.length = length.min(*self.length);
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let room = self.bytes.get_mut(*self.length..).and_then(|room| room.get_mut(..bytes.len())).ok_or(Full)?;
        room.copy_from_slice(bytes);
        *self.length += bytes.len();
        Ok(())
    }
}

/// Writes the inside of a JSON string until a limit.
struct Cut<'p, 's> {
    piece: &'p mut Piece<'s>,
    limit: usize,
}

impl Write for Cut<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let (bytes, length) = encode(character);
            if *self.piece.length + length > self.limit {
                return Err(fmt::Error);
            }
            self.piece.extend(bytes.get(..length).unwrap_or_default()).map_err(|Full| fmt::Error)?;
        }
        Ok(())
    }
}

/// A place in UTF-8 text that is handed out as ASCII.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    /// Source bytes handed out completely.
    at: usize,
    /// Bytes of the next character's escape that are out already.
    escaped: usize,
}

impl Cursor {
    /// At the beginning.
    #[must_use]
    pub const fn new() -> Self {
        Self { at: 0, escaped: 0 }
    }

    /// Copies on from the cursor's place in `source`, each character outside printable ASCII as `\uXXXX`, in pairs where
    /// it takes two. Returns how many bytes of `room` are filled.
    pub fn copy_ascii(&mut self, source: &[u8], room: &mut [u8]) -> usize {
        let mut filled = 0;
        while let (Some(rest @ &[_, ..]), Some(space @ &mut [_, ..])) = (source.get(self.at..), room.get_mut(filled..))
        {
            let plain = rest.iter().zip(space.iter()).take_while(|(byte, _)| **byte < 0x7F).count();
            if let (true, Some(from), Some(to)) = (plain > 0, rest.get(..plain), space.get_mut(..plain)) {
                to.copy_from_slice(from);
                self.at += plain;
                filled += plain;
                continue;
            }
            let (character, width) = first_char(rest);
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units);
            let escape = units.iter().flat_map(|unit| unicode_escape(*unit));
            let before = self.escaped;
            for (to, byte) in space.iter_mut().zip(escape.skip(before)) {
                *to = byte;
                self.escaped += 1;
                filled += 1;
            }
            if self.escaped == units.len() * 6 {
                self.at += width;
                self.escaped = 0;
            }
        }
        filled
    }

    /// Whether the whole of `source` is out.
    #[must_use]
    pub const fn is_past(&self, source: &[u8]) -> bool {
        self.at >= source.len()
    }
}

/// The first character of `bytes` and its width; what is not UTF-8 stands as U+FFFD.
fn first_char(bytes: &[u8]) -> (char, usize) {
    let longest = bytes.get(..4).unwrap_or(bytes);
    let valid = longest.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |character| (character, character.len_utf8()))
}
