//! How a test has ended.

use core::fmt;
use core::panic::PanicInfo;

use serde::Serialize;

use super::verdict::Verdict;
use super::words::Words;

/// The outcome of a test, as a host is told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It returned `Ok(())`.
    Passed,
    /// It returned that it failed.
    Failed,
    /// It returned that it was skipped.
    Skipped,
    /// It panicked, and the guest has survived that.
    Panicked,
}

/// How a test has ended: its outcome, a message of at most 160 bytes, and the place in the source.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    outcome: Outcome,
    message: Words<160>,
    file: Words<96>,
    line: u32,
}

impl Ending {
    /// The end of a test that panicked, which the guest has survived: the message, and file and line if they are known.
    #[must_use]
    pub fn panicked(message: impl fmt::Display, place: Option<(&str, u32)>) -> Self {
        Self::new(Outcome::Panicked, &message, place)
    }

    /// The end of a test with this outcome: the message, and file and line if they are known. Of a longer path the end is kept.
    // Once in an image, and not in the frames of all its callers.
    #[inline(never)]
    #[must_use]
    pub fn new(outcome: Outcome, message: &dyn fmt::Display, place: Option<(&str, u32)>) -> Self {
        let (file, line) = place.unwrap_or_default();
        Self { outcome, message: Words::of(message), file: Words::end_of(file), line }
    }

    /// The outcome.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub(super) fn message(&self) -> Option<&dyn fmt::Display> {
        (!self.message.is_empty()).then_some(&self.message)
    }

    pub(super) fn place(&self) -> Option<(&str, u32)> {
        (!self.file.is_empty()).then_some((self.file.as_str(), self.line))
    }
}

/// The end of a test that returned.
impl From<Verdict> for Ending {
    fn from(verdict: Verdict) -> Self {
        let Err(not_passed) = verdict else { return Self::new(Outcome::Passed, &"", None) };
        let outcome = if not_passed.is_skipped() { Outcome::Skipped } else { Outcome::Failed };
        let at = not_passed.location();
        Self::new(outcome, &not_passed, Some((at.file(), at.line())))
    }
}

/// The end of a test by a panic, for a panic handler.
impl From<&PanicInfo<'_>> for Ending {
    fn from(info: &PanicInfo<'_>) -> Self {
        Self::panicked(info.message(), info.location().map(|at| (at.file(), at.line())))
    }
}
