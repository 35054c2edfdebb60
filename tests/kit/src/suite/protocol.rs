//! The test protocol, as docs/test-protocol.md has it: what a guest is asked, and what it says.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::error::{Error, Kind};

/// The version that is spoken here.
pub(super) const VERSION: u32 = 1;

/// What a guest says of its tests as a whole.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Info {
    pub protocol: u32,
    pub tests: usize,
    pub digest: String,
    pub boot: String,
    pub last_words: Option<LastWords>,
}

/// What a kernel kept of its panic in the boot before.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct LastWords {
    pub test: Option<String>,
    pub message: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
}

impl fmt::Display for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { test, message, file, line } = self;
        write!(f, "that {} panicked", test.as_deref().unwrap_or("it"))?;
        if let Some(file) = file {
            write!(f, " at {file}:{}", line.unwrap_or_default())?;
        }
        write!(f, ": {}", message.as_deref().unwrap_or("without a message"))
    }
}

/// A test, as a guest lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Listed {
    pub index: usize,
    pub name: String,
    pub should_panic: Option<String>,
    pub ignored: Option<String>,
    pub timeout_ms: Option<u64>,
    #[serde(default)]
    pub alone: bool,
    pub cases: Option<u64>,
}

/// What a guest says of a test that is over.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Told {
    pub outcome: Outcome,
    pub message: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
    pub elapsed_ns: Option<u64>,
    #[serde(default)]
    pub measurements: Vec<Measurement>,
    #[serde(default)]
    pub output: String,
    #[serde(default)]
    pub output_truncated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Passed,
    Failed,
    Skipped,
    Panicked,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Measurement {
    pub name: String,
    pub value: f64,
    pub unit: String,
}

/// One run of a test.
#[derive(Clone, Debug)]
pub(super) struct Run<'a> {
    pub name: &'a str,
    pub case: Option<u64>,
    pub seed: u32,
    pub digest: &'a str,
    pub mark: &'a str,
}

impl Run<'_> {
    fn arguments(&self) -> Value {
        let Self { name, case, seed, digest, mark } = self;
        let mut arguments = json!({"name": name, "seed": seed, "digest": digest, "mark": mark});
        if let Some(case) = case {
            arguments["case"] = (*case).into();
        }
        arguments
    }
}

pub(super) fn info(agent: &mut Agent) -> Result<Info> {
    agent.call("nanoqga-test-info", None)
}

pub(super) fn list(agent: &mut Agent) -> Result<Vec<Listed>> {
    agent.call("nanoqga-test-list", None)
}

pub(super) fn run(agent: &mut Agent, run: &Run<'_>, limit: Duration) -> Result<Told> {
    agent.call_within("nanoqga-test-run", Some(&run.arguments()), limit)
}

/// Whether the guest runs tests in its background.
pub(super) fn has_background(agent: &mut Agent) -> Result<bool> {
    #[derive(Deserialize)]
    struct Commands {
        supported_commands: Vec<Supported>,
    }
    #[derive(Deserialize)]
    struct Supported {
        enabled: bool,
        name: String,
    }
    let commands: Commands = agent.call("guest-info", None)?;
    Ok(commands.supported_commands.iter().any(|command| command.enabled && command.name == "nanoqga-test-start"))
}

/// Starts a test, and gives the number of its run.
pub(super) fn start(agent: &mut Agent, run: &Run<'_>) -> Result<u64> {
    #[derive(Deserialize)]
    struct Started {
        run: u64,
    }
    Ok(agent.call::<Started>("nanoqga-test-start", Some(&run.arguments()))?.run)
}

/// What a guest says of a run that goes on, or is over.
#[derive(Debug)]
pub(super) struct Status {
    pub output: String,
    pub next: u64,
    /// None while it runs. Its output is not in here.
    pub told: Option<Told>,
}

pub(super) fn status(agent: &mut Agent, run: u64, from: u64) -> Result<Status> {
    #[derive(Deserialize)]
    struct Part {
        output: String,
        next: u64,
        running: bool,
    }
    let value: Value = agent.call("nanoqga-test-status", Some(&json!({"run": run, "from": from})))?;
    let malformed = |error| Error::new(Kind::Malformed, format!("nanoqga-test-status returned another value: {error}"));
    let Part { output, next, running } = Part::deserialize(&value).map_err(malformed)?;
    let told = if running { None } else { Some(Told::deserialize(&value).map_err(malformed)?) };
    Ok(Status { output, next, told })
}
