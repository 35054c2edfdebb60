//! Why an agent did not do what it was asked.

use std::fmt;

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The time limit passed first.
    TimedOut,
    /// The connection to the guest has ended, or the guest no longer knows what it was doing.
    Lost,
    /// The agent replied with an error.
    Refused,
    /// The agent's reply has no form that the protocol has.
    Malformed,
}

/// What went wrong, for people and for programs. It stays in an [`anyhow::Error`], whose context may say what it was for.
#[derive(Clone, Debug)]
pub struct Error {
    kind: Kind,
    message: String,
}

impl Error {
    /// An error with a message that is complete without its kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Which kind of error it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The kind of an error that was caused by one of these, whatever context it has got since.
    pub fn kind_of(error: &anyhow::Error) -> Option<Kind> {
        error.downcast_ref::<Self>().map(Self::kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn context_keeps_the_kind() {
        let error = anyhow::Result::<()>::Err(Error::new(Kind::Lost, "gone").into()).context("first").context("second");
        let error = error.unwrap_err();
        assert_eq!(Error::kind_of(&error), Some(Kind::Lost));
        assert_eq!(format!("{error:#}"), "second: first: gone");
        assert_eq!(Error::kind_of(&anyhow::anyhow!("gone")), None);
    }
}
