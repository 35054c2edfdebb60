//! The test protocol, as docs/test-protocol.md has it: what a guest is asked, and what it says.

use anyhow::Result;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::Client;
use crate::deadline::Deadline;
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

pub(super) fn info(agent: &mut Client, deadline: Deadline) -> Result<Info> {
    ask(agent, "nanoqga-test-info", json!({}), deadline)
}

pub(super) fn list(agent: &mut Client, deadline: Deadline) -> Result<Vec<Listed>> {
    ask(agent, "nanoqga-test-list", json!({}), deadline)
}

pub(super) fn run(agent: &mut Client, run: &Run<'_>, deadline: Deadline) -> Result<Told> {
    let mut arguments = json!({"name": run.name, "seed": run.seed, "digest": run.digest, "mark": run.mark});
    if let Some(case) = run.case {
        arguments["case"] = case.into();
    }
    ask(agent, "nanoqga-test-run", arguments, deadline)
}

fn ask<T: DeserializeOwned>(agent: &mut Client, command: &str, arguments: Value, deadline: Deadline) -> Result<T> {
    let value = agent.execute(command, arguments, deadline)?;
    serde_json::from_value(value).map_err(|error| {
        Error::new(Kind::Malformed, format!("the guest's answer to {command} is none: {error}")).into()
    })
}
