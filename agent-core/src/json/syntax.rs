//! What is wrong with a message that is no JSON.

use super::Span;
use super::text::Fault;

/// Why a message is not one, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// What is wrong.
    pub problem: Problem,
    /// The line, from 1 at the message's first byte.
    pub line: u32,
    /// The byte in the line, from 1.
    pub column: u32,
}

/// Why a message is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// A member that its object has already.
    DuplicateMember,
    /// A backslash before something that is no escape.
    Escape,
    /// Half of a surrogate pair.
    Surrogate(u16),
    /// Bytes that are not UTF-8.
    Utf8,
    /// More than [`MAX_DEPTH`](super::scanner::MAX_DEPTH) levels.
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
