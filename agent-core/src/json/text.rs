//! The inside of a JSON string, byte by byte: escapes and UTF-8 become plain, minimal JSON.

use super::copy;

/// What a byte inside a string did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Part of something longer: nothing to store yet.
    Partial,
    /// A byte to store as it is.
    Byte(u8),
    /// A character that an escape stood for, to store by [`encode`].
    Char(char),
    /// The closing quote.
    End,
}

/// Why a string is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A control character that should have been escaped.
    Control(u8),
    /// A backslash before something that is no escape.
    Escape,
    /// Half of a surrogate pair.
    Surrogate(u16),
    /// Bytes that are not UTF-8.
    Utf8,
}

/// Where in a string the next byte falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Body,
    /// After a backslash.
    Escape,
    /// Inside `\uXXXX`; the high surrogate that came before it, or 0.
    Unicode {
        high: u16,
        value: u16,
        digits: u8,
    },
    /// After a high surrogate: `\` must follow, then `u`.
    LowBackslash {
        high: u16,
    },
    LowU {
        high: u16,
    },
    /// Inside a UTF-8 sequence: bytes still to come, and the range of the next one.
    Utf8 {
        left: u8,
        low: u8,
        high: u8,
    },
}

/// The state inside one string.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    quote: u8,
    at: At,
}

impl Text {
    /// Just after the opening quote, which is `"` or `'`.
    #[must_use]
    pub const fn after(quote: u8) -> Self {
        Self { quote, at: At::Body }
    }

    /// The quote that will close the string.
    #[must_use]
    pub const fn quote(&self) -> u8 {
        self.quote
    }

    /// Whether the next byte falls into an escape or a character of several bytes.
    #[must_use]
    pub fn is_special(&self) -> bool {
        self.at != At::Body
    }

    /// Whether the next byte is escaped by a backslash before it.
    #[must_use]
    pub fn escaping(&self) -> bool {
        self.at == At::Escape
    }

    /// Takes the next byte of the string.
    ///
    /// # Errors
    /// What is wrong with the string at this byte; the state is then of no more use.
    // Kept whole: spread over its callers it is larger, and plain text does not come here.
    #[inline(never)]
    pub fn push(&mut self, byte: u8) -> Result<Piece, Fault> {
        match self.at {
            At::Body => self.body(byte),
            At::Escape => self.escape(byte),
            At::Unicode { high, value, digits } => self.unicode(byte, high, value, digits),
            At::LowBackslash { high } if byte == b'\\' => {
                self.at = At::LowU { high };
                Ok(Piece::Partial)
            }
            At::LowU { high } if byte == b'u' => {
                self.at = At::Unicode { high, value: 0, digits: 0 };
                Ok(Piece::Partial)
            }
            At::LowBackslash { high } | At::LowU { high } => Err(Fault::Surrogate(high)),
            At::Utf8 { left, low, high } if (low..=high).contains(&byte) => {
                self.at = if left == 1 { At::Body } else { At::Utf8 { left: left - 1, low: 0x80, high: 0xBF } };
                Ok(Piece::Byte(byte))
            }
            At::Utf8 { .. } => Err(Fault::Utf8),
        }
    }

    fn body(&mut self, byte: u8) -> Result<Piece, Fault> {
        // The ranges of a second byte are those of the Unicode standard's table of well-formed UTF-8.
        let (left, low, high) = match byte {
            _ if byte == self.quote => return Ok(Piece::End),
            b'\\' => {
                self.at = At::Escape;
                return Ok(Piece::Partial);
            }
            // Only the other kind of quote reaches this.
            b'"' => return Ok(Piece::Char('"')),
            0x00..=0x1F => return Err(Fault::Control(byte)),
            0x20..=0x7F => return Ok(Piece::Byte(byte)),
            0xC2..=0xDF => (1, 0x80, 0xBF),
            0xE0 => (2, 0xA0, 0xBF),
            0xED => (2, 0x80, 0x9F),
            0xE1..=0xEF => (2, 0x80, 0xBF),
            0xF0 => (3, 0x90, 0xBF),
            0xF1..=0xF3 => (3, 0x80, 0xBF),
            0xF4 => (3, 0x80, 0x8F),
            _ => return Err(Fault::Utf8),
        };
        self.at = At::Utf8 { left, low, high };
        Ok(Piece::Byte(byte))
    }

    fn escape(&mut self, byte: u8) -> Result<Piece, Fault> {
        let meant = match byte {
            b'"' | b'\'' | b'\\' | b'/' => byte,
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.at = At::Unicode { high: 0, value: 0, digits: 0 };
                return Ok(Piece::Partial);
            }
            _ => return Err(Fault::Escape),
        };
        self.at = At::Body;
        Ok(Piece::Char(char::from(meant)))
    }

    fn unicode(&mut self, byte: u8, high: u16, value: u16, digits: u8) -> Result<Piece, Fault> {
        let digit = char::from(byte).to_digit(16).and_then(|digit| u16::try_from(digit).ok()).ok_or(Fault::Escape)?;
        let value = value << 4 | digit;
        if digits < 3 {
            self.at = At::Unicode { high, value, digits: digits + 1 };
            return Ok(Piece::Partial);
        }
        let is_high = (0xD800..=0xDBFF).contains(&value);
        if high == 0 && is_high {
            self.at = At::LowBackslash { high: value };
            return Ok(Piece::Partial);
        }
        self.at = At::Body;
        let low = u32::from(value);
        let code = match high {
            0 => low,
            // Unless the second half is one, this is beyond all characters.
            high => match low {
                0xDC00..=0xDFFF => 0x1_0000 + ((u32::from(high) & 0x3FF) << 10) + (low & 0x3FF),
                _ => u32::MAX,
            },
        };
        char::from_u32(code).map(Piece::Char).ok_or(Fault::Surrogate(value))
    }
}

/// How many of the first `bytes` stand for themselves in a JSON string: ASCII but for control characters, `"`, `\` and
/// `other`.
#[must_use]
pub fn plain(bytes: &[u8], other: u8) -> usize {
    let mut count = 0;
    loop {
        let rest = bytes.get(count..).unwrap_or_default();
        let eight = rest.first_chunk().copied().unwrap_or_else(|| {
            // What follows is a zero, which is not plain.
            let mut last = [0; 8];
            let _ = copy(rest, &mut last, 0);
            last
        });
        match stops(u64::from_le_bytes(eight), other) {
            0 => count += 8,
            // The lowest byte that stops is marked exactly.
            marks => return count + (marks.trailing_zeros() / 8) as usize,
        }
    }
}

/// Marks the bytes that [`plain`] stops at, by their highest bits. Bytes above one that is marked may be marked, too.
fn stops(bytes: u64, other: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // A subtraction without a borrow from below sets the highest bit of a byte that was less, unless that bit was set before.
    let below = |bytes: u64, bar: u8| bytes.wrapping_sub(ONES * u64::from(bar)) & !bytes;
    let equal = |byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
    (bytes | below(bytes, 0x20) | equal(b'"') | equal(b'\\') | equal(other)) & (ONES << 7)
}

/// Encodes `character` as the inside of a JSON string: UTF-8, with the fewest escapes. Returns the bytes and how many
/// of them count.
#[must_use]
pub fn encode(character: char) -> ([u8; 6], usize) {
    let short = match character {
        '"' => b'"',
        '\\' => b'\\',
        '\u{08}' => b'b',
        '\u{0C}' => b'f',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\0'..'\u{20}' => return (unicode_escape(character as u16), 6),
        _ => {
            let mut bytes = [0; 6];
            let length = character.encode_utf8(&mut bytes).len();
            return (bytes, length);
        }
    };
    ([b'\\', short, 0, 0, 0, 0], 2)
}

/// `\uXXXX` for one UTF-16 unit.
#[must_use]
pub const fn unicode_escape(unit: u16) -> [u8; 6] {
    const fn digit(nibble: u16) -> u8 {
        let nibble = (nibble & 0xF) as u8;
        if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
    }
    [b'\\', b'u', digit(unit >> 12), digit(unit >> 8), digit(unit >> 4), digit(unit)]
}
