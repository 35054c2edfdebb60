//! The guests that the tests of an image are run in: how many, and which test in which.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::list::Tests;
use super::protocol::Listed;
use super::running::{Ran, Running, Task};
use super::verdict::Verdict;
use crate::accelerator::Accelerator;
use crate::agent::Agent;
use crate::deadline::{Deadline, factor};
use crate::elf::Elf;
use crate::qemu::Config;
use crate::transport::Address;

/// No test may take longer than a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What keeps a test from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Nothing: a guest runs one test after another, until one kills it. Tests that want to be alone are.
    #[default]
    Suite,
    /// A guest is put back into the state right after its boot before each test. Its disks must allow it.
    Snapshot,
    /// A guest is booted for each test.
    Boot,
}

/// How often a test is tried, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub isolation: Isolation,
    /// How often one that failed is run again before that counts.
    pub retries: u32,
    /// For tests without a limit of their own.
    pub limit: Duration,
    /// Whether what a test writes is shown as it comes.
    pub live: bool,
    /// From the start of QEMU to the first answer.
    pub boot_limit: Duration,
}

/// Where guests come from.
#[derive(Debug)]
pub(super) enum Source {
    /// They are booted so.
    Boot(Box<Config>),
    /// There is one, behind an address, that others booted.
    Connection(Address),
}

/// The guests of one image on one machine, or the one of somebody else.
#[derive(Debug)]
pub(super) struct Guests {
    source: Source,
    effort: Effort,
    /// Where the image is a kernel with symbols.
    kernel: Option<Elf>,
    /// Those that wait for their next test.
    idle: Mutex<Vec<Running>>,
}

/// What became of a test.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub verdict: Verdict,
    /// All of its runs. The first alone counts where nothing is tried again.
    pub runs: Vec<Ran>,
}

impl Guests {
    pub(super) fn new(source: Source, kernel: Option<Elf>, effort: Effort) -> Self {
        Self { source, effort, kernel, idle: Mutex::default() }
    }

    /// Asks a guest which tests there are. It runs the first of them then.
    pub(super) fn tests(&self) -> Result<Tests> {
        let mut guest = self.another()?;
        let tests = guest.tests()?;
        self.put_back(guest);
        Ok(tests)
    }

    /// Runs a test, and again as often as is worth while.
    pub(super) fn judge(&self, tests: &Tests, test: &Listed, case: Option<u64>, seed: u32) -> Judged {
        let limit = test.timeout_ms.map_or(self.effort.limit, Duration::from_millis).min(LONGEST);
        let limit = limit * self.slowdown() * factor();
        let task = Task { test, case, seed, digest: &tests.digest, limit, live: self.effort.live };
        let first = self.run(&task, tests, test.alone);
        let mut verdict = first.verdict.clone();
        let mut runs = vec![first];
        // Somebody else's guest is the only one.
        let repeats = matches!(self.source, Source::Boot(_)) && !runs[0].before.is_empty();
        if let (Verdict::Failed(text), true) = (&mut verdict, repeats) {
            let alone = self.run(&task, tests, true);
            let _ = match &alone.verdict {
                Verdict::Failed(_) => write!(text, "\nIt fails in a guest that has run nothing before, too."),
                Verdict::Passed | Verdict::Skipped(_) => {
                    let before = runs[0].before.join(", ");
                    write!(text, "\nAlone it does not fail. It depends on what its guest ran before: {before}")
                }
            };
            runs.push(alone);
        }
        for _ in 0..self.effort.retries {
            if !matches!(verdict, Verdict::Failed(_)) {
                break;
            }
            let again = self.run(&task, tests, true);
            if !matches!(again.verdict, Verdict::Failed(_)) {
                verdict = again.verdict.clone();
            }
            runs.push(again);
        }
        Judged { verdict, runs }
    }

    /// Runs a test once. Where it is to be `alone`, in a guest that nothing was run in and nothing will be.
    fn run(&self, task: &Task<'_>, tests: &Tests, alone: bool) -> Ran {
        let alone = alone && matches!(self.source, Source::Boot(_));
        let guest = if alone { self.boot(tests) } else { self.next(tests) };
        let mut guest = match guest {
            Ok(guest) => guest,
            Err(error) => return Ran::without_guest(&error),
        };
        let ran = guest.run(task, self.kernel.as_ref());
        if !alone {
            self.put_back(guest);
        }
        ran
    }

    /// A guest for a test that may run beside others.
    fn next(&self, tests: &Tests) -> Result<Running> {
        while let Some(mut guest) = self.take() {
            // One that cannot be restored is gone, and another is booted.
            if self.effort.isolation != Isolation::Snapshot || guest.restore().is_ok() {
                return Ok(guest);
            }
        }
        self.boot(tests)
    }

    fn boot(&self, tests: &Tests) -> Result<Running> {
        let mut guest = self.another().context("there is no guest for it")?;
        guest.check(tests)?;
        Ok(guest)
    }

    fn another(&self) -> Result<Running> {
        let limit = self.effort.boot_limit * factor();
        match &self.source {
            Source::Boot(config) => Running::boot(config, Deadline::after(limit)),
            Source::Connection(address) => Running::behind(Agent::at(address, limit)?),
        }
    }

    fn slowdown(&self) -> u32 {
        match &self.source {
            Source::Boot(config) => config.accelerator.slowdown(),
            // It may be emulated.
            Source::Connection(_) => Accelerator::Tcg.slowdown(),
        }
    }

    fn take(&self) -> Option<Running> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps a guest for another test, if it can have one.
    fn put_back(&self, guest: Running) {
        let goes_on = match self.effort.isolation {
            Isolation::Suite => guest.answers(),
            Isolation::Snapshot => guest.can_be_restored(),
            Isolation::Boot => guest.answers() && guest.is_as_new(),
        };
        if goes_on {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(guest);
        }
    }

    /// Ends all guests, and gives what went wrong with that.
    pub(super) fn finish(&self) -> Vec<anyhow::Error> {
        let ended = std::iter::from_fn(|| self.take()).filter(Running::answers).map(Running::finish);
        ended.filter_map(Result::err).collect()
    }
}
