//! What is kept of each test for reports, and the text that a person reads about one that failed.

use std::fmt::Write;

use super::guests::Judged;
use super::running::Ran;
use super::verdict::Verdict;

/// A test with its result.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// On which machine, and which case.
    pub name: String,
    pub seed: u32,
    pub judged: Judged,
}

impl Record {
    /// All about a failure.
    pub(super) fn text(&self) -> Option<String> {
        let Verdict::Failed(failure) = &self.judged.verdict else { return None };
        let mut text = failure.trim_end().to_owned();
        if let Some(run) = self.judged.runs.first() {
            for (title, said) in [("output", output(run)), ("console", &run.console)] {
                if !said.trim().is_empty() {
                    let _ = write!(text, "\n--- {title}\n{}", said.trim_end());
                }
            }
        }
        let _ = write!(text, "\n--- seed {}", self.seed);
        Some(text)
    }

    /// The run that counts.
    pub(super) fn last(&self) -> Option<&Ran> {
        self.judged.runs.last()
    }
}

/// What a test wrote.
pub(super) fn output(run: &Ran) -> &str {
    run.told.as_ref().map_or("", |told| &told.output)
}
