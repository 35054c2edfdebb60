//! The scanner's grammar as a table: which bytes only have to be stored, and which state follows.

/// What the grammar allows next: one of the constants below.
pub(super) type State = u8;

/// Between two messages.
pub(super) const START: State = 0;
pub(super) const VALUE: State = 1;
/// After `[`.
pub(super) const VALUE_OR_END: State = 2;
/// After `,` in an object.
pub(super) const NAME: State = 3;
/// After `{`.
pub(super) const NAME_OR_END: State = 4;
pub(super) const COLON: State = 5;
/// After a value: a comma, or the end of what it is in.
pub(super) const AFTER: State = 6;
/// In a string.
pub(super) const TEXT: State = 7;
/// In an escape or a character of several bytes.
pub(super) const SPECIAL: State = 8;
pub(super) const KEYWORD: State = 9;
/// In a number: what came last.
pub(super) const MINUS: State = 10;
pub(super) const ZERO: State = 11;
pub(super) const INTEGER: State = 12;
pub(super) const POINT: State = 13;
pub(super) const FRACTION: State = 14;
pub(super) const E: State = 15;
pub(super) const SIGN: State = 16;
pub(super) const EXPONENT: State = 17;
/// In the rest of a bad message.
pub(super) const SKIP: State = 18;

/// States are smaller.
pub(super) const STATES: u8 = 19;
/// A space between tokens: not stored, and nothing follows from it.
pub(super) const SPACE: u8 = 19;
/// A comma after a value: in an array another value follows.
pub(super) const ELEMENT: u8 = 20;
/// More than the table can say.
pub(super) const MORE: u8 = 21;

/// What the grammar tells bytes apart by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Bytes that stand for themselves in a string, and nowhere else.
    Plain,
    Space,
    /// A space that no string holds.
    Tab,
    Newline,
    OpenBracket,
    CloseBracket,
    OpenBrace,
    CloseBrace,
    Colon,
    Comma,
    Quote,
    Backslash,
    Minus,
    Plus,
    Dot,
    Zero,
    Digit,
    Letter,
    LowerE,
    UpperE,
    Control,
    /// Part of a character of several bytes.
    High,
}

const CLASS_COUNT: usize = 22;

/// The class of a byte.
#[inline(always)]
pub(super) fn class(byte: u8) -> Class {
    static CLASSES: [Class; 128] = {
        let mut classes = [Class::Plain; 128];
        let mut byte = 0;
        while byte < 128 {
            classes[byte] = match byte as u8 {
                b' ' => Class::Space,
                b'\t' | b'\r' => Class::Tab,
                b'\n' => Class::Newline,
                b'[' => Class::OpenBracket,
                b']' => Class::CloseBracket,
                b'{' => Class::OpenBrace,
                b'}' => Class::CloseBrace,
                b':' => Class::Colon,
                b',' => Class::Comma,
                b'"' | b'\'' => Class::Quote,
                b'\\' => Class::Backslash,
                b'-' => Class::Minus,
                b'+' => Class::Plus,
                b'.' => Class::Dot,
                b'0' => Class::Zero,
                b'1'..=b'9' => Class::Digit,
                b'e' => Class::LowerE,
                b'E' => Class::UpperE,
                b'a'..=b'z' => Class::Letter,
                0..=0x1F => Class::Control,
                _ => Class::Plain,
            };
            byte += 1;
        }
        classes
    };
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::High)
}

/// What follows when `byte` comes in `state`: a state, if the byte only has to be stored.
#[inline(always)]
pub(super) fn next(state: State, byte: u8) -> u8 {
    static NEXT: [[u8; CLASS_COUNT]; STATES as usize] = table();
    let row = NEXT.get(usize::from(state));
    row.and_then(|row| row.get(class(byte) as usize)).copied().unwrap_or(MORE)
}

const fn table() -> [[u8; CLASS_COUNT]; STATES as usize] {
    let mut table = [[MORE; CLASS_COUNT]; STATES as usize];
    let between_tokens = [START, VALUE, VALUE_OR_END, NAME, NAME_OR_END, COLON, AFTER];
    let mut index = 0;
    while index < between_tokens.len() {
        table[between_tokens[index] as usize][Class::Space as usize] = SPACE;
        table[between_tokens[index] as usize][Class::Tab as usize] = SPACE;
        index += 1;
    }
    let mut state = VALUE;
    while state <= VALUE_OR_END {
        table[state as usize][Class::Minus as usize] = MINUS;
        table[state as usize][Class::Zero as usize] = ZERO;
        table[state as usize][Class::Digit as usize] = INTEGER;
        state += 1;
    }
    let rules = [
        (COLON, Class::Colon, VALUE),
        (AFTER, Class::Comma, ELEMENT),
        (KEYWORD, Class::Letter, KEYWORD),
        (KEYWORD, Class::LowerE, KEYWORD),
        (MINUS, Class::Zero, ZERO),
        (MINUS, Class::Digit, INTEGER),
        (ZERO, Class::Dot, POINT),
        (ZERO, Class::LowerE, E),
        (ZERO, Class::UpperE, E),
        (ZERO, Class::Comma, ELEMENT),
        (INTEGER, Class::Zero, INTEGER),
        (INTEGER, Class::Digit, INTEGER),
        (INTEGER, Class::Dot, POINT),
        (INTEGER, Class::LowerE, E),
        (INTEGER, Class::UpperE, E),
        (INTEGER, Class::Comma, ELEMENT),
        (POINT, Class::Zero, FRACTION),
        (POINT, Class::Digit, FRACTION),
        (FRACTION, Class::Zero, FRACTION),
        (FRACTION, Class::Digit, FRACTION),
        (FRACTION, Class::LowerE, E),
        (FRACTION, Class::UpperE, E),
        (FRACTION, Class::Comma, ELEMENT),
        (E, Class::Plus, SIGN),
        (E, Class::Minus, SIGN),
        (E, Class::Zero, EXPONENT),
        (E, Class::Digit, EXPONENT),
        (SIGN, Class::Zero, EXPONENT),
        (SIGN, Class::Digit, EXPONENT),
        (EXPONENT, Class::Zero, EXPONENT),
        (EXPONENT, Class::Digit, EXPONENT),
        (EXPONENT, Class::Comma, ELEMENT),
    ];
    let mut index = 0;
    while index < rules.len() {
        let (state, class, follows) = rules[index];
        table[state as usize][class as usize] = follows;
        index += 1;
    }
    // In a string all ASCII is plain but for quotes, backslashes and control characters.
    let mut class = 0;
    while class < CLASS_COUNT {
        table[TEXT as usize][class] = TEXT;
        class += 1;
    }
    let not_plain = [Class::Tab, Class::Newline, Class::Quote, Class::Backslash, Class::Control, Class::High];
    let mut index = 0;
    while index < not_plain.len() {
        table[TEXT as usize][not_plain[index] as usize] = MORE;
        index += 1;
    }
    table
}
