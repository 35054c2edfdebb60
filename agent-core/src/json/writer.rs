//! Replies: one line of ASCII each, staged piece by piece and handed out into whatever room there is.

use core::fmt::{self, Write};

use super::text::{encode, plain, unicode_escape};
use super::{base64, copy};

/// What `guest-sync-delimited` puts before its reply, for a host to find its beginning: a byte that no JSON text holds.
pub const DELIMITER: u8 = 0xFF;

/// How far a piece of a reply is handed out. The piece itself lies in a buffer that is lent for each call, always the same.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    length: usize,
    /// How much is handed out.
    out: usize,
    /// Whether a [`DELIMITER`] is to go out first.
    delimited: bool,
}

impl Stage {
    /// An empty stage.
    #[must_use]
    pub const fn new() -> Self {
        Self { length: 0, out: 0, delimited: false }
    }

    /// Drops what is staged and opens the stage for the next piece.
    pub const fn clear<'s>(&'s mut self, bytes: &'s mut [u8]) -> Piece<'s> {
        (self.length, self.out, self.delimited) = (0, 0, false);
        Piece { bytes, length: &mut self.length, delimited: &mut self.delimited }
    }

    /// Hands staged bytes out; returns how many of `room` are filled.
    pub fn hand_out(&mut self, bytes: &[u8], room: &mut [u8]) -> usize {
        let (delimiter, rest) = room.split_at_mut_checked(usize::from(self.delimited)).unwrap_or_default();
        delimiter.fill(DELIMITER);
        self.delimited = self.delimited && delimiter.is_empty();
        let staged = bytes.get(self.out..self.length).unwrap_or_default();
        rest.iter_mut().zip(staged).for_each(|(to, from)| *to = *from);
        let count = staged.len().min(rest.len());
        self.out += count;
        delimiter.len() + count
    }

    /// Whether everything staged has been handed out.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.out >= self.length
    }
}

/// The piece that is being staged.
#[derive(Debug)]
pub struct Piece<'s> {
    bytes: &'s mut [u8],
    length: &'s mut usize,
    delimited: &'s mut bool,
}

/// The stage is full, or the value has no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Piece<'_> {
    /// Adds `json` as it is.
    ///
    /// # Errors
    /// [`Full`] if it does not fit; nothing is added then.
    pub fn raw(&mut self, json: &str) -> Result<(), Full> {
        self.bytes(json.as_bytes())
    }

    /// Adds the base64 of what `source` fills the room that it is given with; returns how much it filled. The room is
    /// what fits the stage if `reserve` bytes stay free after it, in whole groups of three bytes.
    ///
    /// # Errors
    /// Those of `source`; nothing is added then.
    pub fn base64<E>(
        &mut self,
        reserve: usize,
        source: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let end = self.bytes.len().saturating_sub(reserve);
        let room = self.bytes.get_mut(*self.length..end).unwrap_or_default();
        let (filled, encoded) = base64::encode(room, source)?;
        *self.length += encoded;
        Ok(filled)
    }

    /// Adds `text` as a JSON string, cut so that `reserve` bytes stay free after it.
    ///
    /// # Errors
    /// [`Full`] if not even an empty string fits.
    pub fn text_cut(&mut self, text: &dyn fmt::Display, reserve: usize) -> Result<(), Full> {
        self.raw("\"")?;
        // An error here says that the text was cut.
        let _ = write!(Inside { piece: self, reserve: reserve + 1 }, "{text}");
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
        write!(Inside { piece: self, reserve: 0 }, "{text}").map_err(|fmt::Error| Full)?;
        self.raw("\"")
    }

    /// Adds the characters of `text` as the inside of a JSON string, as long as they fit and `reserve` bytes stay free after
    /// them. Returns how much of `text` that is, in bytes.
    pub fn text_part(&mut self, text: &str, reserve: usize) -> usize {
        let limit = self.bytes.len().saturating_sub(reserve);
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let room = limit.saturating_sub(self.length());
            let (escaped, count) = escape(character);
            let (bytes, width) = match plain(rest.as_bytes(), 0x7F).min(room) {
                0 => (escaped.get(..count).unwrap_or_default(), character.len_utf8()),
                run => (rest.as_bytes().get(..run).unwrap_or_default(), run),
            };
            if bytes.len() > room || self.bytes(bytes).is_err() {
                break;
            }
            rest = rest.get(width..).unwrap_or_default();
        }
        text.len() - rest.len()
    }

    /// The same for all of `text`.
    fn inside(&mut self, text: &str, reserve: usize) -> Result<(), Full> {
        if self.text_part(text, reserve) == text.len() { Ok(()) } else { Err(Full) }
    }

    /// Adds JSON that is stored as UTF-8, from the cursor's place on, as long as it fits.
    pub fn ascii(&mut self, source: &[u8], cursor: &mut Cursor) {
        let room = self.bytes.get_mut(*self.length..).unwrap_or_default();
        *self.length += cursor.copy_ascii(source, room);
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

    pub(super) fn starts_text_at(&self, place: usize) -> bool {
        self.bytes.get(place) == Some(&b'"')
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        *self.length = copy(bytes, self.bytes, *self.length).ok_or(Full)?;
        Ok(())
    }
}

/// Writes the inside of a JSON string, with so many bytes free after it.
struct Inside<'p, 's> {
    piece: &'p mut Piece<'s>,
    reserve: usize,
}

impl Write for Inside<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.piece.inside(text, self.reserve).map_err(|Full| fmt::Error)
    }
}

/// A place in stored text, which is UTF-8, that is handed out as ASCII.
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

    /// Whether all of `source` is handed out.
    #[must_use]
    pub const fn is_at_end(&self, source: &[u8]) -> bool {
        self.at >= source.len()
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
