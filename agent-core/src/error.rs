//! What a client is told when a request fails: QEMU's error classes and texts.

use core::fmt;

use crate::arguments::{Path, Text};
use crate::wire::scanner::Problem;

/// Why a request failed, with what it borrows from the message to say so.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Error<'m> {
    /// The message is not valid JSON, or over a limit; the stored part of it.
    Syntax(Problem, &'m [u8]),
    /// The message is an array, string, number or word.
    NotAnObject,
    /// There is no `execute`.
    NoExecute,
    /// `execute` is no string.
    ExecuteNotString,
    /// `arguments` is no object.
    ArgumentsNotObject,
    /// A member beside `execute`, `arguments` and `id`.
    UnexpectedMember(Text<'m>),
    /// No linked family has the command.
    CommandNotFound(Text<'m>),
    /// The guest has the command, but its policy forbids it.
    CommandDisabled(&'m str),
    /// An argument that the command needs is not there.
    Missing(Path),
    /// An argument that the command does not know.
    Unexpected(Parent, Text<'m>),
    /// An argument of another type than this.
    Type(Path, &'static str),
    /// A string that is none of an enumeration's.
    Variant(Path, Text<'m>),
    /// The guest could not do it.
    Failed(Failure),
}

/// What an unexpected argument is a member of.
pub type Parent = Option<(&'static str, usize)>;

/// Why the guest could not do what it was asked, in words for the person who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure(pub &'static str);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Failure {}

impl From<Failure> for Error<'_> {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Error<'_> {
    /// QEMU's error class. Clients tell commands they can do without by `CommandNotFound`.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::CommandNotFound(_) | Self::CommandDisabled(_) => "CommandNotFound",
            _ => "GenericError",
        }
    }
}

impl fmt::Display for Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(problem, stored) => syntax(f, *problem, stored),
            Self::NotAnObject => f.write_str("QMP input must be a JSON object"),
            Self::NoExecute => f.write_str("QMP input lacks member 'execute'"),
            Self::ExecuteNotString => f.write_str("QMP input member 'execute' must be a string"),
            Self::ArgumentsNotObject => f.write_str("QMP input member 'arguments' must be an object"),
            Self::UnexpectedMember(name) => write!(f, "QMP input member '{name}' is unexpected"),
            Self::CommandNotFound(name) => write!(f, "The command {name} has not been found"),
            Self::CommandDisabled(name) => {
                write!(f, "Command {name} has been disabled: the command is not allowed")
            }
            Self::Missing(path) => write!(f, "Parameter '{path}' is missing"),
            Self::Unexpected(None, name) => write!(f, "Parameter '{name}' is unexpected"),
            Self::Unexpected(Some((list, index)), name) => {
                write!(f, "Parameter '{list}[{index}].{name}' is unexpected")
            }
            Self::Type(path, expected) => write!(f, "Invalid parameter type for '{path}', expected: {expected}"),
            Self::Variant(path, value) => write!(f, "Parameter '{path}' does not accept value '{value}'"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

fn syntax(f: &mut fmt::Formatter<'_>, problem: Problem, stored: &[u8]) -> fmt::Result {
    let text = match problem {
        Problem::TooDeep => return f.write_str("JSON nesting depth limit exceeded"),
        Problem::TooLarge => return f.write_str("JSON token size limit exceeded"),
        Problem::Stray(byte @ 0x20..=0x7E) => return write!(f, "JSON parse error, stray '{}'", char::from(byte)),
        Problem::Stray(_) => "stray '\u{FFFD}'",
        Problem::ExpectingValue => "expecting value",
        Problem::MissingColon => "missing : in object pair",
        Problem::MemberSeparator => "expected separator in dict",
        Problem::ElementSeparator => "expected separator in list",
        Problem::NameNotString => "key is not a string in object",
        Problem::DuplicateMember => "duplicate key",
        Problem::Escape => "invalid escape sequence in string",
        Problem::Utf8 => "invalid UTF-8 sequence in string",
        Problem::Keyword(word) => {
            return write!(f, "JSON parse error, invalid keyword '{}'", Text::new(word.of(stored)));
        }
        Problem::Surrogate(unit) => {
            return write!(f, "JSON parse error, \\u{unit:04x} is not a valid Unicode character");
        }
    };
    write!(f, "JSON parse error, {text}")
}
