//! The test protocol, as docs/test-protocol.md has it: what a guest is asked, and what it says.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::agent::Agent;

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

pub(super) fn info(agent: &mut Agent) -> Result<Info> {
    agent.call("nanoqga-test-info", None)
}

pub(super) fn list(agent: &mut Agent) -> Result<Vec<Listed>> {
    agent.call("nanoqga-test-list", None)
}

pub(super) fn run(agent: &mut Agent, run: &Run<'_>, limit: Duration) -> Result<Told> {
    let mut arguments = json!({"name": run.name, "seed": run.seed, "digest": run.digest, "mark": run.mark});
    if let Some(case) = run.case {
        arguments["case"] = case.into();
    }
    agent.call_within("nanoqga-test-run", Some(&arguments), limit)
}
