//! What a client is told when a request fails: QEMU's error classes and texts.

use core::fmt;

use crate::arguments::{Path, Text};
use crate::cause::Cause;
use crate::json::Span;
use crate::json::digits::Digits;
use crate::json::stage::Full;
use crate::json::syntax::{Problem, Syntax};

/// Why a request failed. What it quotes of the message it tells by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The message is not valid JSON, or over a limit.
    Syntax(Syntax),
    /// The message is an array, string, number or word.
    NotAnObject,
    /// There is no `execute`.
    NoExecute,
    /// `execute` is no string.
    ExecuteNotString,
    /// `arguments` is no object.
    ArgumentsNotObject,
    /// A member beside `execute`, `arguments` and `id`: its name.
    UnexpectedMember(Span),
    /// No linked family has the command of this name.
    CommandNotFound(Span),
    /// The guest has the command, but its policy forbids it.
    CommandDisabled(&'static str),
    /// An argument that the command needs is not there: what it is a member of, its name.
    Missing(Path, &'static str),
    /// An argument that the command does not know: what it is a member of, its name.
    Unexpected(Path, Span),
    /// An argument of another type than this.
    Type(Path, &'static str),
    /// A number that this type does not have.
    Range(Path, &'static str),
    /// A string that is none of an enumeration's.
    Variant(Path, Span),
    /// A string of more bytes than this.
    TooLong(Path, usize),
    /// A text with a number of the request in it: what stands before the number, the number, what stands after.
    Number(&'static str, i64, &'static str),
    /// A text with a string of the request in it, in the same way.
    Quote(&'static str, Span, &'static str),
    /// A file that cannot be opened: its path, the mode if one was given, and why.
    Open(Span, Option<Span>, Failure),
    /// A program that cannot be run: its path, and why.
    Spawn(Span, Failure),
    /// The guest could not do it.
    Failed(Failure),
    /// The step's piece of the reply does not fit the agent's stage.
    Full,
}

/// Why the guest could not do what it was asked, in words for the person who asked. What is only known at run time, such as the
/// name of what failed, goes into the [`Cause`] behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure(pub &'static str);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Failure {}

impl From<Full> for Error {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Error {
    /// QEMU's error class. Clients tell commands they can do without by `CommandNotFound`.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::CommandNotFound(_) | Self::CommandDisabled(_) => "CommandNotFound",
            _ => "GenericError",
        }
    }
}

impl Error {
    /// QEMU's text for it, with what it quotes of the request.
    #[must_use]
    pub(crate) const fn describe<'m>(self, message: &'m [u8], arguments: Span, cause: &'m Cause) -> Description<'m> {
        Description { error: self, message, arguments, cause }
    }
}

/// The text without what it quotes of the request, and without its cause: who has the error has them not.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(&[], Span::default(), &Cause::new()).write(f)
    }
}

impl core::error::Error for Error {}

/// An [`Error`] with what it quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Description<'m> {
    error: Error,
    message: &'m [u8],
    arguments: Span,
    cause: &'m Cause,
}

impl Description<'_> {
    /// The text, with a letter behind `%` for what it quotes: see [`fill`](Self::fill). All texts stand here, and are no formatted
    /// strings, which take two kilobytes more of an image.
    const fn template(&self) -> &'static str {
        match self.error {
            Error::Syntax(Syntax { problem, .. }) => match problem {
                Problem::TooDeep => "JSON nesting depth limit exceeded",
                Problem::TooLarge => "JSON token size limit exceeded",
                Problem::Stray(_) => "%l, stray '%b'",
                Problem::ExpectingValue => "%l, expecting value",
                Problem::ExpectingKey => "%l, expecting key",
                Problem::ExpectingColon => "%l, expecting ':'",
                Problem::MemberSeparator => "%l, expected ',' or '}'",
                Problem::ElementSeparator => "%l, expected ',' or ']'",
                Problem::DuplicateMember => "%l, duplicate key",
                Problem::Escape => "%l, invalid escape sequence in string",
                Problem::Utf8 => "%l, invalid UTF-8 sequence in string",
                Problem::Keyword(_) => "%l, invalid keyword '%q'",
                Problem::Surrogate(_) => "%l, \\u%u is not a valid Unicode character",
            },
            Error::NotAnObject => "QMP input must be a JSON object",
            Error::NoExecute => "QMP input lacks member 'execute'",
            Error::ExecuteNotString => "QMP input member 'execute' must be a string",
            Error::ArgumentsNotObject => "QMP input member 'arguments' must be an object",
            Error::UnexpectedMember(_) => "QMP input member '%q' is unexpected",
            Error::CommandNotFound(_) => "The command %q has not been found",
            Error::CommandDisabled(_) => "Command %t has been disabled: the command is not allowed",
            Error::Missing(..) => "Parameter '%m%t' is missing",
            Error::Unexpected(..) => "Parameter '%m%q' is unexpected",
            Error::Type(..) => "Invalid parameter type for '%p', expected: %t",
            Error::Range(..) => "Parameter '%p' expects %t",
            Error::Variant(..) => "Parameter '%p' does not accept value '%q'",
            Error::TooLong(..) => "Parameter '%p' is longer than %n bytes",
            Error::Number(..) => "%t%n%a",
            Error::Quote(..) => "%t%q%a",
            Error::Open(..) => "failed to open file '%q' (mode: '%o'): %a%c",
            Error::Spawn(..) => "Failed to execute child process \u{201c}%q\u{201d} (%a%c)",
            Error::Failed(_) => "%a%c",
            Error::Full => "a part of the reply is larger than the agent's buffer",
        }
    }

    /// Writes the text.
    pub(crate) fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        let mut characters = self.template().chars();
        while let Some(character) = characters.next() {
            match character {
                '%' => self.fill(characters.next().unwrap_or_default(), f)?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }

    /// Writes what stands behind `%` in a template.
    fn fill(&self, letter: char, f: &mut dyn fmt::Write) -> fmt::Result {
        let quote = |span, f: &mut dyn fmt::Write| Text::new(self.message, span).write(f);
        match (letter, self.error) {
            // Where the message is no JSON.
            ('l', Error::Syntax(Syntax { line, column, .. })) => {
                number(line.into(), f)?;
                f.write_char(':')?;
                number(column.into(), f)?;
                f.write_str(": JSON parse error")
            }
            ('b', Error::Syntax(Syntax { problem: Problem::Stray(byte), .. })) => {
                f.write_char(if byte.is_ascii_graphic() { byte.into() } else { char::REPLACEMENT_CHARACTER })
            }
            ('u', Error::Syntax(Syntax { problem: Problem::Surrogate(unit), .. })) => {
                let digit = |shift: u32| char::from_digit(u32::from(unit) >> shift & 0xf, 16).unwrap_or_default();
                [12, 8, 4, 0].into_iter().try_for_each(|shift| f.write_char(digit(shift)))
            }
            // A path, and one with what separates it from a member's name.
            (
                'p' | 'm',
                Error::Missing(path, _)
                | Error::Unexpected(path, _)
                | Error::Type(path, _)
                | Error::Range(path, _)
                | Error::Variant(path, _)
                | Error::TooLong(path, _),
            ) => {
                let separator = path.write((self.message, self.arguments), f)?;
                if letter == 'm' { f.write_str(separator) } else { Ok(()) }
            }
            (
                'q',
                Error::Syntax(Syntax { problem: Problem::Keyword(span), .. })
                | Error::UnexpectedMember(span)
                | Error::CommandNotFound(span)
                | Error::Unexpected(_, span)
                | Error::Variant(_, span)
                | Error::Quote(_, span, _)
                | Error::Open(span, ..)
                | Error::Spawn(span, _),
            ) => quote(span, f),
            // The mode of a file.
            ('o', Error::Open(_, Some(mode), _)) => quote(mode, f),
            ('o', _) => f.write_str("r"),
            ('n', Error::Number(_, given, _)) => number(given, f),
            ('n', Error::TooLong(_, limit)) => number(i64::try_from(limit).unwrap_or(i64::MAX), f),
            // The text that the error has, or its first; its last.
            (
                't',
                Error::CommandDisabled(text)
                | Error::Missing(_, text)
                | Error::Type(_, text)
                | Error::Range(_, text)
                | Error::Number(text, ..)
                | Error::Quote(text, ..),
            )
            | (
                'a',
                Error::Number(.., text)
                | Error::Quote(.., text)
                | Error::Open(.., Failure(text))
                | Error::Spawn(_, Failure(text))
                | Error::Failed(Failure(text)),
            ) => f.write_str(text),
            ('c', _) => f.write_str(self.cause.as_str()),
            _ => Ok(()),
        }
    }
}

/// Writes a number in decimal.
fn number(number: i64, f: &mut dyn fmt::Write) -> fmt::Result {
    if number < 0 {
        f.write_char('-')?;
    }
    f.write_str(Digits::of(number.unsigned_abs()).as_str())
}
