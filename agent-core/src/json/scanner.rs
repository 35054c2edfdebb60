//! The push scanner: validates JSON as it arrives in any pieces and stores it in plain form.
//!
//! The dialect is that of QEMU's parser: RFC 8259, and single-quoted strings. A message ends when its outermost bracket
//! closes; no newline is needed. What is stored is compact, valid JSON without spaces, single quotes or needless
//! escapes. Each byte costs O(1), nothing recurses, and the state has a fixed size.

use super::grammar::{self, Class, State, class, next};
use super::members::Members;
use super::names::Names;
use super::position::Position;
use super::syntax::{Problem, Syntax};
use super::text::{Piece, Text, encode, plain};
use super::{Span, copy};

/// How deep arrays and objects may nest, as in QEMU.
pub const MAX_DEPTH: usize = 1024;

/// A byte that no JSON text holds: a host sends it to force the parser into a known state.
pub const RESET: u8 = 0xFF;

/// So many plain bytes of a string are taken one by one before blocks of them are tried.
const SHORT_TEXT: usize = 16;

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
    const EMPTY: Self = Self { is_object: false, execute: None, arguments: None, id: None, unexpected: None };

    fn note(&mut self, name: &[u8], name_span: Span, value: Span) {
        match name {
            b"execute" => self.execute = Some(value),
            b"arguments" => self.arguments = Some(value),
            b"id" => self.id = Some(value),
            _ => _ = self.unexpected.get_or_insert(name_span),
        }
    }
}

/// What a byte did.
enum Taken {
    /// It was taken.
    Yes,
    /// It ended a token and must be looked at again.
    Again,
    /// It was the last of a message.
    Whole,
    /// The message was whole before it.
    WholeBefore,
}

/// The scanner's state between two pieces of input.
#[derive(Clone, Debug)]
pub struct Scanner {
    state: State,
    /// Whether the string that is being read is a member's name.
    is_name: bool,
    /// Whether the innermost open bracket is that of an array.
    in_array: bool,
    /// Whether the innermost open bracket is that of `arguments`.
    in_arguments: bool,
    /// While a bad message is skipped: whether a backslash came just before.
    escaped: bool,
    /// While a bad message is skipped: the quote of the string that the next byte is in; 0 outside of strings.
    quote: u8,
    text: Text,
    depth: usize,
    /// How deep the object is that has the name of the value twice that is being read; 0 if none does.
    duplicate: u32,
    /// Bit `d % 64` of word `d / 64`: whether the bracket at depth `d + 1` is a brace.
    braces: [u64; MAX_DEPTH / 64],
    stored: usize,
    /// Where the string or word that is being read is stored.
    token: u32,
    /// The name of the outermost object's last member.
    name: Span,
    position: Position,
    envelope: Envelope,
    names: Names,
    members: Members,
}

impl Scanner {
    /// Before the first byte of a message.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: grammar::START,
            is_name: false,
            in_array: false,
            in_arguments: false,
            escaped: false,
            quote: 0,
            text: Text::after(0),
            depth: 0,
            duplicate: 0,
            braces: [0; MAX_DEPTH / 64],
            stored: 0,
            token: 0,
            name: Span::new(0, 0),
            position: Position::new(),
            envelope: Envelope::EMPTY,
            names: Names::new(),
            members: Members::new(),
        }
    }

    /// Forgets what was half read. What is stored of a whole message stays until the next byte comes.
    pub const fn reset(&mut self) {
        self.state = grammar::START;
    }

    /// The members of `arguments` of the message that has ended.
    #[must_use]
    pub const fn members(&self) -> &Members {
        &self.members
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub const fn is_inside(&self) -> bool {
        self.state != grammar::START
    }

    /// Takes bytes up to the end of a message, which then lies in `store` from its beginning.
    ///
    /// Returns how many bytes were taken, and what ended there: a message, or the first problem of one. The rest of a
    /// bad message is skipped by the calls that follow, silently. [`Problem::TooLarge`] alone changes nothing: the call may be
    /// repeated with a longer `store` that begins with the same bytes; [`refuse`](Self::refuse) skips the message.
    pub fn push(&mut self, bytes: &[u8], store: &mut [u8]) -> (usize, Option<Result<Envelope, Syntax>>) {
        let mut taken = 0;
        let outcome = loop {
            // A string that goes on from the last piece is a long one.
            let in_long_text = taken == 0 && self.state == grammar::TEXT;
            taken += self.run(bytes.get(taken..).unwrap_or_default(), in_long_text, store);
            let Some(&byte) = bytes.get(taken) else { break None };
            match self.step(byte, taken, store) {
                Ok(Taken::Yes) => taken += 1,
                Ok(Taken::Again) => {}
                Ok(Taken::Whole) => {
                    taken += 1;
                    break Some(Ok(self.finish()));
                }
                Ok(Taken::WholeBefore) => break Some(Ok(self.finish())),
                Err(problem) => {
                    let syntax = self.position.of(problem);
                    match problem {
                        Problem::TooLarge => {}
                        Problem::Stray(RESET) => {
                            taken += 1;
                            self.reset();
                        }
                        _ => self.skip(),
                    }
                    break Some(Err(syntax));
                }
            }
        };
        self.position.advance(taken);
        (taken, outcome)
    }

    /// Gives the message up that is larger than the store, as its problem says: the rest of it will be skipped.
    pub fn refuse(&mut self) -> Syntax {
        self.skip();
        self.position.of(Problem::TooLarge)
    }

    fn finish(&mut self) -> Envelope {
        self.reset();
        self.envelope
    }

    /// Begins to skip; the byte that was wrong is the first to be skipped.
    fn skip(&mut self) {
        let inside = matches!(self.state, grammar::TEXT | grammar::SPECIAL);
        self.quote = if inside { self.text.quote() } else { 0 };
        self.escaped = inside && self.text.escaping();
        self.state = grammar::SKIP;
    }

    /// Takes the bytes that the grammar's table allows and that change nothing but its state. Returns how many.
    fn run(&mut self, bytes: &[u8], in_long_text: bool, store: &mut [u8]) -> usize {
        let (mut taken, mut state, mut stored) = (0, self.state, self.stored);
        let mut long_text = if in_long_text { 0 } else { SHORT_TEXT };
        loop {
            if taken >= long_text {
                long_text = taken + SHORT_TEXT;
                if state == grammar::TEXT {
                    let rest = bytes.get(taken..).unwrap_or_default();
                    // What does not fit is not looked at: it will come again.
                    let rest = rest.get(..store.len().saturating_sub(stored)).unwrap_or(rest);
                    let run = rest.get(..plain(rest, self.text.quote())).unwrap_or_default();
                    stored = copy(run, store, stored).unwrap_or(stored);
                    taken += run.len();
                }
            }
            let Some(&byte) = bytes.get(taken) else { break };
            let follows = self.follows(state, byte);
            if follows < grammar::STATES {
                let Some(place) = store.get_mut(stored) else { break };
                *place = byte;
                stored += 1;
                state = follows;
            } else if follows != grammar::SPACE {
                break;
            }
            taken += 1;
        }
        (self.state, self.stored) = (state, stored);
        taken
    }

    /// The state after a byte that only has to be stored; what is no state says that there is more to do.
    #[inline(always)]
    fn follows(&self, state: State, byte: u8) -> State {
        match next(state, byte) {
            grammar::ELEMENT if self.in_array => grammar::VALUE,
            follows => follows,
        }
    }

    /// One byte that does more, `taken` bytes into the piece. Kept out of the loop, which else spills all that it holds.
    #[inline(never)]
    fn step(&mut self, byte: u8, taken: usize, store: &mut [u8]) -> Result<Taken, Problem> {
        if byte == RESET {
            return self.told_to_reset(taken);
        }
        if self.follows(self.state, byte) < grammar::STATES {
            // The loop takes such a byte unless the store is full.
            return Err(Problem::TooLarge);
        }
        match self.state {
            grammar::START if byte == b'\n' => return Ok(Taken::Yes),
            grammar::START => {
                self.begin(taken);
                return Ok(Taken::Again);
            }
            grammar::SKIP => return Ok(self.skip_over(byte, taken)),
            grammar::TEXT | grammar::SPECIAL => return self.text(byte, store),
            // What ends a word or a number is looked at as what follows a value.
            grammar::KEYWORD => self.end_keyword(store)?,
            grammar::MINUS..=grammar::EXPONENT => self.end_number(byte, taken, store)?,
            _ => {}
        }
        if self.state == grammar::AFTER && self.depth == 0 {
            return Ok(Taken::WholeBefore);
        }
        self.position.begin_token(taken);
        match (class(byte), self.state) {
            (Class::Space | Class::Tab, _) => {}
            (Class::Newline, _) => self.position.end_line(taken),
            (
                Class::Plain
                | Class::Dot
                | Class::Plus
                | Class::Backslash
                | Class::UpperE
                | Class::Control
                | Class::High,
                _,
            ) => {
                return Err(Problem::Stray(byte));
            }
            (Class::CloseBracket, grammar::VALUE_OR_END) | (Class::CloseBrace, grammar::NAME_OR_END) => {
                return self.close(byte, store);
            }
            (_, grammar::VALUE | grammar::VALUE_OR_END) => self.value(byte, store)?,
            (Class::Quote, grammar::NAME | grammar::NAME_OR_END) => self.open_text(byte, true, store)?,
            (_, grammar::NAME | grammar::NAME_OR_END) => return Err(Problem::ExpectingKey),
            (_, grammar::COLON) => return Err(Problem::ExpectingColon),
            (Class::Comma, _) => {
                self.put_byte(b',', store)?;
                self.state = if self.in_array { grammar::VALUE } else { grammar::NAME };
            }
            (Class::CloseBrace, _) if !self.in_array => return self.close(byte, store),
            (Class::CloseBracket, _) if self.in_array => return self.close(byte, store),
            _ if self.in_array => return Err(Problem::ElementSeparator),
            _ => return Err(Problem::MemberSeparator),
        }
        Ok(Taken::Yes)
    }

    /// The first byte of a message.
    fn begin(&mut self, taken: usize) {
        self.state = grammar::VALUE;
        self.depth = 0;
        self.duplicate = 0;
        self.stored = 0;
        self.in_array = false;
        self.in_arguments = false;
        self.envelope = Envelope::EMPTY;
        self.names.clear();
        self.members.clear();
        self.position.begin(taken);
    }

    fn told_to_reset(&mut self, taken: usize) -> Result<Taken, Problem> {
        if self.state == grammar::START || self.state == grammar::SKIP {
            self.reset();
            return Ok(Taken::Yes);
        }
        self.position.begin_token(taken);
        Err(Problem::Stray(RESET))
    }

    /// The first byte of a value that the table does not take: everything but numbers.
    fn value(&mut self, byte: u8, store: &mut [u8]) -> Result<(), Problem> {
        match byte {
            b'{' | b'[' => self.open(byte, store),
            b'"' | b'\'' => self.open_text(byte, false, store),
            b'a'..=b'z' => {
                self.token = self.stored as u32;
                self.put_byte(byte, store)?;
                self.state = grammar::KEYWORD;
                Ok(())
            }
            _ => Err(Problem::ExpectingValue),
        }
    }

    fn open(&mut self, byte: u8, store: &mut [u8]) -> Result<(), Problem> {
        let word = self.braces.get_mut(self.depth / 64).ok_or(Problem::TooDeep)?;
        let bit = 1 << (self.depth % 64);
        let brace = byte == b'{';
        *word = if brace { *word | bit } else { *word & !bit };
        self.put_byte(byte, store)?;
        self.in_array = !brace;
        self.in_arguments = self.depth == 1 && brace && self.is_value_of_arguments(store);
        if self.depth == 0 {
            self.envelope.is_object = brace;
        }
        self.depth += 1;
        self.state = if brace { grammar::NAME_OR_END } else { grammar::VALUE_OR_END };
        Ok(())
    }

    fn close(&mut self, byte: u8, store: &mut [u8]) -> Result<Taken, Problem> {
        let outside = self.depth.saturating_sub(1);
        self.check_duplicate(outside)?;
        self.put_byte(byte, store)?;
        self.names.close(self.depth);
        self.depth = outside;
        let outer = self.depth.saturating_sub(1);
        // Outside of the message it does not matter.
        self.in_array = self.braces.get(outer / 64).is_some_and(|word| word >> (outer % 64) & 1 == 0);
        self.in_arguments = self.depth == 2 && !self.in_array && self.is_value_of_arguments(store);
        self.end_value(store)?;
        Ok(self.taken())
    }

    /// What the last byte of a value did.
    const fn taken(&self) -> Taken {
        if self.depth == 0 { Taken::Whole } else { Taken::Yes }
    }

    /// Whether the value that is being read is that of `arguments`, or inside it.
    fn is_value_of_arguments(&self, store: &[u8]) -> bool {
        self.envelope.is_object && self.name.of(store) == b"arguments"
    }

    /// A value is at its end, `depth` brackets deep. If its name was there before, that is told of its last token: nothing but
    /// the error may change before, since that is where skipping begins.
    fn check_duplicate(&self, depth: usize) -> Result<(), Problem> {
        if depth > 0 && self.duplicate as usize == depth { Err(Problem::DuplicateMember) } else { Ok(()) }
    }

    /// A value has ended.
    fn end_value(&mut self, store: &[u8]) -> Result<(), Problem> {
        self.check_duplicate(self.depth)?;
        self.state = grammar::AFTER;
        if self.depth == 1 && self.envelope.is_object {
            // A name is followed by its quote and a colon.
            let value = Span::new(self.name.end().saturating_add(2), self.stored);
            self.envelope.note(self.name.of(store), self.name, value);
        } else if self.in_arguments {
            self.members.end_value(self.stored);
        }
        Ok(())
    }

    fn open_text(&mut self, quote: u8, is_name: bool, store: &mut [u8]) -> Result<(), Problem> {
        self.put_byte(b'"', store)?;
        self.token = self.stored as u32;
        self.is_name = is_name;
        self.text = Text::after(quote);
        self.state = grammar::TEXT;
        Ok(())
    }

    /// A byte of a string that is not plain.
    fn text(&mut self, byte: u8, store: &mut [u8]) -> Result<Taken, Problem> {
        let mut text = self.text;
        match text.push(byte)? {
            Piece::Partial => {}
            Piece::Byte(byte) => self.put_byte(byte, store)?,
            Piece::Char(character) => {
                let (bytes, length) = encode(character);
                self.put(bytes.get(..length).unwrap_or_default(), store)?;
            }
            Piece::End => {
                self.put_byte(b'"', store)?;
                if self.is_name {
                    self.end_name(store);
                    return Ok(Taken::Yes);
                }
                self.end_value(store)?;
                return Ok(self.taken());
            }
        }
        self.text = text;
        self.state = if text.is_special() { grammar::SPECIAL } else { grammar::TEXT };
        Ok(Taken::Yes)
    }

    fn end_name(&mut self, store: &[u8]) {
        let name = Span::new(self.token as usize, self.stored.saturating_sub(1));
        if self.names.add(name, self.depth, store) {
            self.duplicate = self.depth as u32;
        }
        if self.depth == 1 {
            self.name = name;
        } else if self.in_arguments {
            self.members.begin(name);
        }
        self.state = grammar::COLON;
    }

    /// A byte that is not part of the number before it.
    fn end_number(&mut self, byte: u8, taken: usize, store: &[u8]) -> Result<(), Problem> {
        let ended = match self.state {
            grammar::MINUS | grammar::POINT | grammar::E | grammar::SIGN => Err(Problem::Stray(byte)),
            grammar::ZERO if byte.is_ascii_digit() => Err(Problem::Stray(byte)),
            _ => self.end_value(store),
        };
        ended.inspect_err(|_| {
            let before = store.get(..self.stored).unwrap_or_default().iter().rev();
            let length =
                before.take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
            self.position.begin_token(taken.wrapping_sub(length));
        })
    }

    fn end_keyword(&mut self, store: &[u8]) -> Result<(), Problem> {
        let word = Span::new(self.token as usize, self.stored);
        match word.of(store) {
            b"true" | b"false" | b"null" => self.end_value(store),
            _ => Err(Problem::Keyword(word)),
        }
    }

    /// One byte of a bad message.
    // Kept whole: the images are smaller so.
    #[inline(never)]
    fn skip_over(&mut self, byte: u8, taken: usize) -> Taken {
        let escaped = core::mem::take(&mut self.escaped);
        match (byte, self.quote) {
            // No string goes over the end of a line.
            (b'\n', _) => {
                self.quote = 0;
                self.position.end_line(taken);
                if self.depth == 0 {
                    self.reset();
                }
            }
            (b'{', 0) if self.depth == 0 || self.position.is_line_start(taken) => {
                self.reset();
                return Taken::Again;
            }
            (_, 1..) if escaped => {}
            (b'\\', 1..) => self.escaped = true,
            (_, quote @ 1..) => self.quote = if byte == quote { 0 } else { quote },
            (b'"' | b'\'', 0) if self.depth > 0 => self.quote = byte,
            (b'{' | b'[', 0) if self.depth > 0 => self.depth += 1,
            (b'}' | b']', 0) => {
                if self.depth == 1 {
                    self.reset();
                }
                self.depth = self.depth.saturating_sub(1);
            }
            _ => {}
        }
        Taken::Yes
    }

    fn put_byte(&mut self, byte: u8, store: &mut [u8]) -> Result<(), Problem> {
        *store.get_mut(self.stored).ok_or(Problem::TooLarge)? = byte;
        self.stored += 1;
        Ok(())
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
