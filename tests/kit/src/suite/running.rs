//! A guest that runs tests, one after another.

use std::fmt::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::background;
use super::console::between;
use super::list::Tests;
use super::protocol::{self, Listed, Outcome, Run, Told};
use super::verdict::Verdict;
use super::watch::Watch;
use crate::agent::{Agent, Down, Mode};
use crate::client::Client;
use crate::deadline::{Deadline, soon};
use crate::elf::Elf;
use crate::error::{Error, Kind};
use crate::guest::Guest;
use crate::inspection;
use crate::qemu::Config;
use crate::qmp::Qmp;
use crate::snapshot;
use crate::sync::synchronise;

/// The name of the state that a guest is put back into.
const START: &str = "start";

/// A guest, and its only host.
#[derive(Debug)]
pub(super) struct Running {
    agent: Agent,
    /// None where it is somebody else's.
    machine: Option<Machine>,
    state: State,
    /// Whether it runs tests while its agent answers.
    background: bool,
    /// The tests that it has run since it was as new.
    before: Vec<String>,
}

/// What it runs on.
#[derive(Debug)]
struct Machine {
    guest: Guest,
    qmp: Qmp,
    watch: Watch,
}

/// What can still be done with a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Answers,
    /// It does not answer any more; its machine is there.
    Silent,
    Gone,
}

/// One run of a test, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Ran {
    pub verdict: Verdict,
    pub told: Option<Told>,
    /// What the guest printed meanwhile.
    pub console: String,
    pub elapsed: Duration,
    /// What the guest had run before, if it was not as new.
    pub before: Vec<String>,
}

/// What is run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task<'a> {
    pub test: &'a Listed,
    pub case: Option<u64>,
    pub seed: u32,
    pub digest: &'a str,
    pub limit: Duration,
    /// Whether what it writes is shown as it comes, where the guest can tell it.
    pub live: bool,
}

impl Ran {
    /// No run at all.
    pub(super) fn without_guest(error: &anyhow::Error) -> Self {
        let verdict = Verdict::Failed(format!("{error:#}"));
        Self { verdict, told: None, console: String::new(), elapsed: Duration::ZERO, before: Vec::new() }
    }
}

impl Running {
    /// Boots a guest, and gets in step with its agent.
    pub(super) fn boot(config: &Config, deadline: Deadline) -> Result<Self> {
        let mut guest = Guest::start(config)?;
        let events = guest.events(deadline)?;
        let stream = guest.connect(deadline)?.into_stream()?;
        let watch = Watch::start(events, stream.try_clone()?);
        let mut client = Client::over(stream).quoting(guest.folder());
        synchronise(&mut client, deadline).context("the guest's agent does not answer")?;
        let mut qmp = guest.qmp(deadline)?;
        if config.snapshots {
            snapshot::save(&mut qmp, START, deadline)?;
        }
        let machine = Some(Machine { guest, qmp, watch });
        Self::with(Agent::over(client), machine)
    }

    /// A guest that was there before.
    pub(super) fn behind(agent: Agent) -> Result<Self> {
        Self::with(agent, None)
    }

    fn with(mut agent: Agent, machine: Option<Machine>) -> Result<Self> {
        let background = protocol::has_background(&mut agent)?;
        Ok(Self { agent, machine, state: State::Answers, background, before: Vec::new() })
    }

    /// Asks it which tests it has.
    pub(super) fn tests(&mut self) -> Result<Tests> {
        Tests::of(&mut self.agent)
    }

    /// Sees to it that it has these tests and no others.
    pub(super) fn check(&mut self, tests: &Tests) -> Result<()> {
        let info = protocol::info(&mut self.agent)?;
        let wanted = (tests.tests.len(), &tests.digest);
        ensure!(
            (info.tests, &info.digest) == wanted,
            "the guest has other tests than those that were listed: was its image built anew meanwhile?"
        );
        Ok(())
    }

    /// Puts it back into the state in which it was saved.
    pub(super) fn restore(&mut self) -> Result<()> {
        let machine = self.machine.as_mut().context("the guest's machine is not ours")?;
        snapshot::restore(&mut machine.qmp, START, soon())?;
        self.agent.forget_step();
        ping(&mut self.agent).context("the guest's agent does not answer after it was restored")?;
        self.state = State::Answers;
        self.before.clear();
        Ok(())
    }

    /// Whether more tests can be run in it.
    pub(super) fn answers(&self) -> bool {
        self.state == State::Answers
    }

    /// Whether it has run nothing since its boot.
    pub(super) fn is_as_new(&self) -> bool {
        self.before.is_empty()
    }

    /// Whether it can be put back into its first state.
    pub(super) fn can_be_restored(&self) -> bool {
        self.state != State::Gone
    }

    /// Runs a test.
    pub(super) fn run(&mut self, task: &Task<'_>, kernel: Option<&Elf>) -> Ran {
        let mark = next_mark();
        let run = Run { name: &task.test.name, case: task.case, seed: task.seed, digest: task.digest, mark: &mark };
        let start = Instant::now();
        let told = match self.background {
            true => background::run(&mut self.agent, &run, task.limit, task.live),
            false => protocol::run(&mut self.agent, &run, task.limit),
        };
        let (verdict, told) = match told {
            Ok(told) => (self.after(task.test, &told, kernel), Some(told)),
            Err(error) => (Verdict::Failed(self.failure(&error, task.limit, kernel)), None),
        };
        let console = self.machine.as_ref().map(|machine| machine.guest.console()).unwrap_or_default();
        let console = between(&console, &mark).to_owned();
        let before = self.before.clone();
        self.before.push(task.test.name.clone());
        Ran { verdict, told, console, elapsed: start.elapsed(), before }
    }

    /// The verdict, when the guest has told its part. It must outlive a test that passed.
    fn after(&mut self, test: &Listed, told: &Told, kernel: Option<&Elf>) -> Verdict {
        let verdict = Verdict::of(test, told);
        if told.outcome == Outcome::Panicked {
            self.state = State::Silent;
            return verdict;
        }
        match ping(&mut self.agent) {
            Ok(()) => verdict,
            Err(error) => {
                let what = match verdict {
                    Verdict::Failed(text) => text,
                    Verdict::Passed | Verdict::Skipped(_) => "it was over".into(),
                };
                Verdict::Failed(format!("{what}; then {}", self.failure(&error, soon().limit(), kernel)))
            }
        }
    }

    /// Why there is no verdict, and what can be seen of the guest.
    fn failure(&mut self, error: &anyhow::Error, limit: Duration, kernel: Option<&Elf>) -> String {
        let kind = Error::kind_of(error);
        if kind == Some(Kind::Refused) {
            return format!("the guest did not run it: {error:#}");
        }
        let Some(machine) = &mut self.machine else {
            self.state = State::Silent;
            return format!("{error:#}{}", self.last_words());
        };
        let mut text = match kind {
            Some(Kind::TimedOut) => {
                self.state = State::Silent;
                let status = inspection::status(&mut machine.qmp, soon()).unwrap_or_else(|_| "gone".into());
                format!("there is no verdict after {:.1} s; the machine is {status}", limit.as_secs_f64())
            }
            Some(Kind::Lost) => {
                self.state = State::Gone;
                match machine.watch.exit() {
                    Some(exit) => format!("the guest died: {exit}"),
                    None => "the agent's channel was closed".into(),
                }
            }
            _ => {
                self.state = State::Silent;
                format!("{error:#}")
            }
        };
        // QEMU itself may be gone.
        if let Ok(registers) = inspection::registers(&mut machine.qmp, kernel, soon()) {
            let _ = write!(text, "\n--- registers\n{registers}");
        }
        text
    }

    /// What a guest that was restarted since says of the panic before, if it is there again.
    fn last_words(&mut self) -> String {
        let Some(words) = protocol::info(&mut self.agent).ok().and_then(|info| info.last_words) else {
            return String::new();
        };
        self.state = State::Answers;
        format!("; restarted, the guest says {words}")
    }

    /// Asks it to switch itself off, if it is ours. A guest that has answered all, and then does not, has not passed.
    pub(super) fn finish(mut self) -> Result<()> {
        ping(&mut self.agent).context("the guest died after its last test")?;
        if self.machine.is_none() {
            return Ok(());
        }
        match self.agent.shut_down(Mode::Powerdown) {
            Ok(Down::Gone | Down::Accepted) => Ok(()),
            Ok(Down::Silent) => bail!("the guest was asked to shut down after its last test, and did not"),
            // It has no such command, or its machine cannot.
            Err(error) if Error::kind_of(&error) == Some(Kind::Refused) => Ok(()),
            Err(error) => Err(error.context("the guest was asked to shut down after its last test")),
        }
    }
}

fn ping(agent: &mut Agent) -> Result<()> {
    agent.execute("guest-ping", None).map(drop)
}

/// Another one for each run of this process.
fn next_mark() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{:x}-{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
