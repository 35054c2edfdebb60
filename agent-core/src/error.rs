//! What a client is told when a request fails: QEMU's error classes and texts.

use core::fmt::{self, Write};

use crate::arguments::{Parent, Path, Text};
use crate::json::Span;
use crate::json::scanner::Problem;

/// Why a request failed. What it quotes of the message it tells by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The message is not valid JSON, or over a limit.
    Syntax(Problem),
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
    /// An argument that the command needs is not there.
    Missing(Path),
    /// An argument that the command does not know: what it is a member of, its name.
    Unexpected(Option<Parent>, Span),
    /// An argument of another type than this.
    Type(Path, &'static str),
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
}

/// Why the guest could not do what it was asked, in words for the person who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure(pub &'static str);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Failure {}

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
    /// QEMU's text for it; `message` is the one that failed, as it is stored.
    #[must_use]
    pub const fn describe<'m>(self, message: &'m [u8]) -> Description<'m> {
        Description { error: self, message }
    }
}

/// An [`Error`] with the message that it quotes from.
#[derive(Clone, Copy, Debug)]
pub struct Description<'m> {
    error: Error,
    message: &'m [u8],
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |span| Text::new(self.message, span);
        match self.error {
            Error::Syntax(problem) => self.syntax(f, problem),
            Error::NotAnObject => f.write_str("QMP input must be a JSON object"),
            Error::NoExecute => f.write_str("QMP input lacks member 'execute'"),
            Error::ExecuteNotString => f.write_str("QMP input member 'execute' must be a string"),
            Error::ArgumentsNotObject => f.write_str("QMP input member 'arguments' must be an object"),
            Error::UnexpectedMember(name) => write!(f, "QMP input member '{}' is unexpected", quoted(name)),
            Error::CommandNotFound(name) => write!(f, "The command {} has not been found", quoted(name)),
            Error::CommandDisabled(name) => {
                write!(f, "Command {name} has been disabled: the command is not allowed")
            }
            Error::Missing(path) => write!(f, "Parameter '{path}' is missing"),
            Error::Unexpected(None, name) => write!(f, "Parameter '{}' is unexpected", quoted(name)),
            Error::Unexpected(Some(parent), name) => {
                write!(f, "Parameter '{parent}.{}' is unexpected", quoted(name))
            }
            // QEMU's words for this one type.
            Error::Type(path, "uint64") => write!(f, "Parameter '{path}' expects uint64"),
            Error::Type(path, expected) => write!(f, "Invalid parameter type for '{path}', expected: {expected}"),
            Error::Variant(path, value) => write!(f, "Parameter '{path}' does not accept value '{}'", quoted(value)),
            Error::TooLong(path, limit) => write!(f, "Parameter '{path}' is longer than {limit} bytes"),
            Error::Number(before, number, after) => write!(f, "{before}{number}{after}"),
            Error::Quote(before, text, after) => write!(f, "{before}{}{after}", quoted(text)),
            Error::Open(path, None, cause) => {
                write!(f, "failed to open file '{}' (mode: 'r'): {cause}", quoted(path))
            }
            Error::Open(path, Some(mode), cause) => {
                write!(f, "failed to open file '{}' (mode: '{}'): {cause}", quoted(path), quoted(mode))
            }
            Error::Spawn(path, cause) => {
                write!(f, "Failed to execute child process \u{201c}{}\u{201d} ({cause})", quoted(path))
            }
            Error::Failed(failure) => failure.fmt(f),
        }
    }
}

impl Description<'_> {
    fn syntax(&self, f: &mut fmt::Formatter<'_>, problem: Problem) -> fmt::Result {
        let text = match problem {
            Problem::TooDeep => return f.write_str("JSON nesting depth limit exceeded"),
            Problem::TooLarge => return f.write_str("JSON token size limit exceeded"),
            Problem::Stray(byte) => {
                let character = if byte.is_ascii_graphic() { byte.into() } else { char::REPLACEMENT_CHARACTER };
                f.write_str("JSON parse error, stray '")?;
                f.write_char(character)?;
                return f.write_str("'");
            }
            Problem::ExpectingValue => "expecting value",
            Problem::ExpectingKey => "expecting key",
            Problem::ExpectingColon => "expecting ':'",
            Problem::MemberSeparator => "expected ',' or '}'",
            Problem::ElementSeparator => "expected ',' or ']'",
            Problem::DuplicateMember => "duplicate key",
            Problem::Escape => "invalid escape sequence in string",
            Problem::Utf8 => "invalid UTF-8 sequence in string",
            Problem::Keyword(word) => {
                return write!(f, "JSON parse error, invalid keyword '{}'", Text::new(self.message, word));
            }
            Problem::Surrogate(unit) => {
                return write!(f, "JSON parse error, \\u{unit:04x} is not a valid Unicode character");
            }
        };
        write!(f, "JSON parse error, {text}")
    }
}
