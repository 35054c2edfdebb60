//! The push scanner: validates JSON as it arrives in any pieces and stores it in plain form.
//!
//! The dialect is that of QEMU's parser: RFC 8259, and single-quoted strings. A message ends when its outermost bracket
//! closes; no newline is needed. What is stored is compact, valid JSON without spaces, single quotes or needless
//! escapes. Each byte costs O(1), nothing recurses, and the state is a few words and a bit per nesting level.

use super::text::{Fault, Piece, Text, encode};
use super::{Span, copy};

/// How deep arrays and objects may nest, as in QEMU.
pub const MAX_DEPTH: usize = 1024;

/// A byte that no JSON text holds: a host sends it to force the parser into a known state.
pub const RESET: u8 = 0xFF;

/// Why a message is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A byte that starts no token, or breaks one.
    Stray(u8),
    /// A structural character where a value belongs.
    ExpectingValue,
    /// Something else than a string where a member's name belongs.
    ExpectingKey,
    /// Something else than a colon after a member's name.
    ExpectingColon,
    /// Something else than `,` or `}` after a member.
    MemberSeparator,
    /// Something else than `,` or `]` after an element.
    ElementSeparator,
    /// A word that is none of `true`, `false`, `null`: where it is stored.
    Keyword(Span),
    /// A member that was there already.
    DuplicateMember,
    /// A backslash before something that is no escape.
    Escape,
    /// Half of a surrogate pair.
    Surrogate(u16),
    /// Bytes that are not UTF-8.
    Utf8,
    /// More than [`MAX_DEPTH`] levels.
    TooDeep,
    /// More than the buffer holds.
    TooLarge,
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Control(byte) => Self::Stray(byte),
            Fault::Escape => Self::Escape,
            Fault::Surrogate(unit) => Self::Surrogate(unit),
            Fault::Utf8 => Self::Utf8,
        }
    }
}

/// The request's outermost members, as spans of the stored message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Whether the message is an object at all.
    pub is_object: bool,
    /// The value of `execute`.
    pub execute: Option<Span>,
    /// The value of `arguments`.
    pub arguments: Option<Span>,
    /// The value of `id`.
    pub id: Option<Span>,
    /// The name, without quotes, of the first member that is none of these.
    pub unexpected: Option<Span>,
}

impl Envelope {
    fn note(&mut self, name: &[u8], name_span: Span, value: Span) -> Result<(), Problem> {
        let member = match name {
            b"execute" => &mut self.execute,
            b"arguments" => &mut self.arguments,
            b"id" => &mut self.id,
            _ => {
                self.unexpected.get_or_insert(name_span);
                return Ok(());
            }
        };
        match member.replace(value) {
            None => Ok(()),
            Some(_) => Err(Problem::DuplicateMember),
        }
    }
}

/// What the grammar allows next.
#[derive(Clone, Copy, Debug)]
enum Expect {
    Value,
    /// After `[`.
    ValueOrEnd,
    /// After `{`.
    NameOrEnd,
    /// After `,` in an object.
    Name,
    Colon,
    /// After a value inside an array or object.
    CommaOrEnd,
    /// The rest of a string, which names a member or is a value.
    Text {
        text: Text,
        is_name: bool,
    },
    Number(Number),
    /// The rest of a lower-case word.
    Keyword,
    /// Nothing: the message was bad and is skipped to where its brackets close, or to a line that begins with `{`. The
    /// quote is that of the string that the next byte falls into.
    Skip {
        quote: Option<u8>,
        escaped: bool,
    },
}

/// What came last in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

/// What a byte did.
enum Taken {
    /// Taken in.
    Yes,
    /// It ended a token and is to be looked at again.
    Again,
    /// It was the last of a message.
    Whole,
    /// The message was whole before it.
    WholeBefore,
}

/// The scanner's state between two pieces of input.
#[derive(Clone, Debug)]
pub struct Scanner {
    expect: Expect,
    depth: usize,
    /// Bit `d % 64` of word `d / 64`: whether the bracket at depth `d + 1` is a brace.
    braces: [u64; MAX_DEPTH / 64],
    stored: usize,
    /// Whether the last byte ended a line.
    line_start: bool,
    name: Span,
    value_start: usize,
    word_start: usize,
    longest: Span,
    envelope: Envelope,
}

impl Scanner {
    /// Before the first byte of a message.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            expect: Expect::Value,
            depth: 0,
            braces: [0; MAX_DEPTH / 64],
            stored: 0,
            line_start: false,
            name: Span::new(0, 0),
            value_start: 0,
            word_start: 0,
            longest: Span::new(0, 0),
            envelope: Envelope { is_object: false, execute: None, arguments: None, id: None, unexpected: None },
        }
    }

    /// Forgets what was half read. What is stored of a whole message stays until the next byte comes.
    pub const fn reset(&mut self) {
        self.expect = Expect::Value;
        self.depth = 0;
        self.stored = 0;
        self.envelope = Envelope { is_object: false, execute: None, arguments: None, id: None, unexpected: None };
    }

    /// The longest string of the last message that is a value, with its quotes: whoever looks into what is stored may skip
    /// it unseen. Empty if there is none.
    #[must_use]
    pub const fn longest(&self) -> Span {
        self.longest
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub const fn is_inside(&self) -> bool {
        self.depth > 0 || !matches!(self.expect, Expect::Value)
    }

    /// Takes bytes in up to the end of a message, which then lies in `store` from its beginning.
    ///
    /// Returns how many bytes were taken, and what ended there: a message, or the first problem of one. The rest of a
    /// bad message is skipped by the calls that follow, silently.
    pub fn push(&mut self, bytes: &[u8], store: &mut [u8]) -> (usize, Option<Result<Envelope, Problem>>) {
        let mut taken = 0;
        while let Some(rest @ &[byte, ..]) = bytes.get(taken..) {
            if byte == RESET {
                let half_read = self.is_inside();
                let told = matches!(self.expect, Expect::Skip { .. });
                self.reset();
                taken += 1;
                if half_read && !told {
                    return (taken, Some(Err(Problem::Stray(RESET))));
                }
                continue;
            }
            if let Expect::Text { text, .. } = self.expect {
                let plain = rest.get(..text.plain(rest)).unwrap_or_default();
                if !plain.is_empty() && self.put(plain, store).is_ok() {
                    taken += plain.len();
                    continue;
                }
            }
            match self.step(byte, store) {
                Ok(Taken::Yes) => {
                    self.line_start = byte == b'\n';
                    taken += 1;
                }
                Ok(Taken::Again) => {}
                Ok(Taken::Whole) => return (taken + 1, Some(Ok(self.finish()))),
                Ok(Taken::WholeBefore) => return (taken, Some(Ok(self.finish()))),
                Err(problem) => {
                    self.skip();
                    return (taken, Some(Err(problem)));
                }
            }
        }
        (taken, None)
    }

    fn finish(&mut self) -> Envelope {
        let envelope = self.envelope;
        self.reset();
        envelope
    }

    /// Begins to skip; the byte that was wrong is the first to be skipped.
    fn skip(&mut self) {
        let (quote, escaped) = match self.expect {
            Expect::Text { text, .. } => (Some(text.quote()), text.escaping()),
            _ => (None, false),
        };
        self.expect = Expect::Skip { quote, escaped };
    }

    /// One byte in any state but that of plain text. Kept out of the loop, which else spills all that it holds.
    #[inline(never)]
    fn step(&mut self, byte: u8, store: &mut [u8]) -> Result<Taken, Problem> {
        match self.expect {
            Expect::Skip { quote, escaped } => return Ok(self.skip_over(byte, quote, escaped)),
            Expect::Text { text, is_name } => return self.text(byte, text, is_name, store),
            Expect::Number(number) => return self.number(byte, number, store),
            Expect::Keyword => return self.keyword(byte, store),
            _ => {}
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Ok(Taken::Yes),
            b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"' | b'\'' | b'-' | b'0'..=b'9' | b'a'..=b'z' => {}
            _ => return Err(Problem::Stray(byte)),
        }
        match (self.expect, byte) {
            (Expect::ValueOrEnd, b']') | (Expect::NameOrEnd, b'}') => self.close(byte, store),
            (Expect::Value | Expect::ValueOrEnd, _) => self.value(byte, store),
            (Expect::Name | Expect::NameOrEnd, b'"' | b'\'') => {
                let start = self.stored + 1;
                self.put(b"\"", store)?;
                if self.depth == 1 {
                    self.name = Span::new(start, start);
                }
                self.expect = Expect::Text { text: Text::after(byte), is_name: true };
                Ok(Taken::Yes)
            }
            (Expect::Name | Expect::NameOrEnd, _) => Err(Problem::ExpectingKey),
            (Expect::Colon, b':') => {
                self.put(b":", store)?;
                self.expect = Expect::Value;
                Ok(Taken::Yes)
            }
            (Expect::Colon, _) => Err(Problem::ExpectingColon),
            (_, b',') => {
                self.put(b",", store)?;
                self.expect = if self.in_object() { Expect::Name } else { Expect::Value };
                Ok(Taken::Yes)
            }
            (_, b'}') if self.in_object() => self.close(byte, store),
            (_, b']') if !self.in_object() => self.close(byte, store),
            _ if self.in_object() => Err(Problem::MemberSeparator),
            _ => Err(Problem::ElementSeparator),
        }
    }

    /// The first byte of a value.
    fn value(&mut self, byte: u8, store: &mut [u8]) -> Result<Taken, Problem> {
        if self.depth <= 1 {
            self.value_start = self.stored;
        }
        self.word_start = self.stored;
        let expect = match byte {
            b'{' | b'[' => return self.open(byte, store),
            b'"' | b'\'' => Expect::Text { text: Text::after(byte), is_name: false },
            b'-' => Expect::Number(Number::Minus),
            b'0' => Expect::Number(Number::Zero),
            b'1'..=b'9' => Expect::Number(Number::Integer),
            b'a'..=b'z' => Expect::Keyword,
            _ => return Err(Problem::ExpectingValue),
        };
        self.put(&[if byte == b'\'' { b'"' } else { byte }], store)?;
        self.expect = expect;
        Ok(Taken::Yes)
    }

    fn open(&mut self, byte: u8, store: &mut [u8]) -> Result<Taken, Problem> {
        let word = self.braces.get_mut(self.depth / 64).ok_or(Problem::TooDeep)?;
        let bit = 1 << (self.depth % 64);
        let brace = byte == b'{';
        *word = if brace { *word | bit } else { *word & !bit };
        self.put(&[byte], store)?;
        if self.depth == 0 {
            self.envelope.is_object = brace;
            self.longest = Span::new(0, 0);
        }
        self.depth += 1;
        self.expect = if brace { Expect::NameOrEnd } else { Expect::ValueOrEnd };
        Ok(Taken::Yes)
    }

    fn close(&mut self, byte: u8, store: &mut [u8]) -> Result<Taken, Problem> {
        self.put(&[byte], store)?;
        let outside = self.depth.saturating_sub(1);
        let whole = self.end_value(outside, store)?;
        self.depth = outside;
        Ok(if whole { Taken::Whole } else { Taken::Yes })
    }

    /// Whether the innermost open bracket is a brace.
    fn in_object(&self) -> bool {
        let innermost = self.depth.saturating_sub(1);
        self.braces.get(innermost / 64).is_some_and(|word| word >> (innermost % 64) & 1 == 1)
    }

    /// A value has ended, `depth` deep; returns whether it was the whole message. Where it should not be there, its last byte
    /// is skipped as what it is: nothing but the error may change before.
    fn end_value(&mut self, depth: usize, store: &[u8]) -> Result<bool, Problem> {
        if depth == 0 {
            return Ok(true);
        }
        if depth == 1 && self.envelope.is_object {
            let value = Span::new(self.value_start, self.stored);
            self.envelope.note(self.name.of(store), self.name, value)?;
        }
        self.expect = Expect::CommaOrEnd;
        Ok(false)
    }

    fn text(&mut self, byte: u8, mut text: Text, is_name: bool, store: &mut [u8]) -> Result<Taken, Problem> {
        match text.push(byte)? {
            Piece::Partial => {}
            Piece::Byte(byte) => self.put(&[byte], store)?,
            Piece::Char(character) => {
                let (bytes, length) = encode(character);
                self.put(bytes.get(..length).unwrap_or_default(), store)?;
            }
            Piece::End => {
                if is_name && self.depth == 1 {
                    self.name = Span::new(self.name.start(), self.stored);
                }
                self.put(b"\"", store)?;
                if is_name {
                    self.expect = Expect::Colon;
                    return Ok(Taken::Yes);
                }
                let string = Span::new(self.word_start, self.stored);
                if string.length() > self.longest.length() {
                    self.longest = string;
                }
                return Ok(if self.end_value(self.depth, store)? { Taken::Whole } else { Taken::Yes });
            }
        }
        self.expect = Expect::Text { text, is_name };
        Ok(Taken::Yes)
    }

    fn number(&mut self, byte: u8, number: Number, store: &mut [u8]) -> Result<Taken, Problem> {
        use Number::{E, Exponent, Fraction, Integer, Minus, Point, Sign, Zero};
        let next = match (number, byte) {
            (Minus, b'0') => Zero,
            (Minus, b'1'..=b'9') | (Integer, b'0'..=b'9') => Integer,
            (Zero | Integer, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Integer | Fraction, b'e' | b'E') => E,
            (E, b'+' | b'-') => Sign,
            (E | Sign | Exponent, b'0'..=b'9') => Exponent,
            (Minus | Point | E | Sign, _) | (Zero, b'0'..=b'9') => return Err(Problem::Stray(byte)),
            (Zero | Integer | Fraction | Exponent, _) => return self.end_word(store),
        };
        self.put(&[byte], store)?;
        self.expect = Expect::Number(next);
        Ok(Taken::Yes)
    }

    fn keyword(&mut self, byte: u8, store: &mut [u8]) -> Result<Taken, Problem> {
        if byte.is_ascii_lowercase() {
            self.put(&[byte], store)?;
            return Ok(Taken::Yes);
        }
        let word = Span::new(self.word_start, self.stored);
        match word.of(store) {
            b"true" | b"false" | b"null" => self.end_word(store),
            _ => Err(Problem::Keyword(word)),
        }
    }

    /// A number or word ends at a byte that is not part of it.
    fn end_word(&mut self, store: &[u8]) -> Result<Taken, Problem> {
        Ok(if self.end_value(self.depth, store)? { Taken::WholeBefore } else { Taken::Again })
    }

    /// One byte of a bad message.
    fn skip_over(&mut self, byte: u8, quote: Option<u8>, escaped: bool) -> Taken {
        let mut next = (quote, false);
        match (byte, quote) {
            // No string goes over the end of a line.
            (b'\n', _) if self.depth > 0 => next.0 = None,
            (b'\n', _) => {
                self.reset();
                return Taken::Yes;
            }
            (b'{', None) if self.line_start || self.depth == 0 => {
                self.reset();
                return Taken::Again;
            }
            (_, Some(_)) if escaped => {}
            (b'\\', Some(_)) => next.1 = true,
            (_, Some(quote)) if byte == quote => next.0 = None,
            (b'"' | b'\'', None) if self.depth > 0 => next.0 = Some(byte),
            (b'{' | b'[', None) if self.depth > 0 => self.depth += 1,
            (b'}' | b']', None) if self.depth == 1 => {
                self.reset();
                return Taken::Yes;
            }
            (b'}' | b']', None) => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        let (quote, escaped) = next;
        self.expect = Expect::Skip { quote, escaped };
        Taken::Yes
    }

    fn put(&mut self, bytes: &[u8], store: &mut [u8]) -> Result<(), Problem> {
        self.stored = copy(bytes, store, self.stored).ok_or(Problem::TooLarge)?;
        Ok(())
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}
