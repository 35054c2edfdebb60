//! The exit status.

use std::process::ExitCode;

use nanoqga_testkit::error::{Error, Kind};

/// What the program's exit status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It did what it was asked.
    Done,
    /// A program in the guest ended so.
    Program(u8),
    /// The time limit has passed.
    TimedOut,
    /// Something else went wrong, here or in the guest.
    Failed,
    /// The guest was lost.
    Lost,
}

impl Status {
    /// What an error comes to.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        match Error::kind_of(error) {
            Some(Kind::TimedOut) => Self::TimedOut,
            Some(Kind::Lost) => Self::Lost,
            Some(Kind::Refused | Kind::Malformed) | None => Self::Failed,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Done => 0,
            Status::Program(code) => code,
            Status::TimedOut => 124,
            Status::Failed => 125,
            Status::Lost => 255,
        })
    }
}
