//! Programs of the guest, run to their end.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::agent::Agent;
use crate::deadline::Deadline;
use crate::error::{Error, Kind};
use crate::files::decoded;

/// The pauses between two questions whether a program has ended: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A program to be run.
#[derive(Clone, Debug, Default)]
pub struct Program<'a> {
    /// Its path, or its name where the guest looks programs up.
    pub path: &'a str,
    /// Its arguments; the path is not among them.
    pub arguments: &'a [String],
    /// Its environment, each as `NAME=value`; if it is empty, the agent's own.
    pub environment: &'a [String],
    /// What it reads from its standard input. All of it goes in one request, and agents differ in how long that may be.
    pub input: &'a [u8],
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited with this status.
    Exited(i64),
    /// This signal ended it; on Windows, an exception.
    Killed(i64),
}

/// What came of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
    /// Whether it wrote more to either than the agent has kept.
    pub truncated: bool,
}

#[derive(Deserialize)]
struct Started {
    pid: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Status {
    exited: bool,
    exitcode: Option<i64>,
    signal: Option<i64>,
    #[serde(default)]
    out_data: String,
    #[serde(default)]
    err_data: String,
    #[serde(default)]
    out_truncated: bool,
    #[serde(default)]
    err_truncated: bool,
}

/// Runs a program of the guest, and asks for its end in pauses that grow. It may run until the agent's time has passed
/// ([`Agent::until`]), or for ever; it goes on running in the guest when nobody asks any more.
///
/// # Errors
/// [`Kind::Refused`] when it cannot be started, [`Kind::TimedOut`] when it runs too long, [`Kind::Lost`] when the guest ends or
/// restarts before it, [`Kind::Malformed`] when the agent says nonsense.
pub fn run(agent: &mut Agent, program: &Program<'_>) -> Result<Outcome> {
    let Started { pid } = agent.call("guest-exec", Some(&arguments(program)))?;
    let mut pause = FIRST_PAUSE;
    loop {
        let status: Status = agent
            .call("guest-exec-status", Some(&json!({"pid": pid})))
            .map_err(|error| explained(error, agent.end(), program, pid))?;
        if status.exited {
            return outcome(status);
        }
        let left = agent.end().map(|end| end.remaining().unwrap_or_default());
        thread::sleep(left.map_or(pause, |left| pause.min(left))); // polls: the program's end
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What it means that nobody says whether the program has ended.
fn explained(error: anyhow::Error, end: Option<Deadline>, program: &Program<'_>, pid: i64) -> anyhow::Error {
    let name = program.path;
    match (Error::kind_of(&error), end) {
        // It has forgotten the program, as an agent does that was started anew.
        (Some(Kind::Refused), _) => {
            let message = format!("the agent no longer knows process {pid} of {name}: {error}");
            Error::new(Kind::Lost, message).into()
        }
        (Some(Kind::TimedOut), Some(end)) if end.remaining().is_none() => {
            let limit = end.limit().as_secs_f64();
            let message = format!("{name} may still run in the guest, as process {pid}: not within {limit:.1} s");
            Error::new(Kind::TimedOut, message).into()
        }
        _ => error.context(format!("{name} may still run in the guest, as process {pid}")),
    }
}

/// Only what there is: a guest may know no more.
fn arguments(program: &Program<'_>) -> Value {
    let mut arguments = Map::new();
    arguments.insert("path".into(), program.path.into());
    arguments.insert("capture-output".into(), true.into());
    for (name, list) in [("arg", program.arguments), ("env", program.environment)] {
        if !list.is_empty() {
            arguments.insert(name.into(), list.into());
        }
    }
    if !program.input.is_empty() {
        arguments.insert("input-data".into(), STANDARD.encode(program.input).into());
    }
    arguments.into()
}

fn outcome(status: Status) -> Result<Outcome> {
    let end = match (status.exitcode, status.signal) {
        (Some(code), None) => End::Exited(code),
        (None, Some(signal)) => End::Killed(signal),
        _ => {
            let message = "guest-exec-status says that the program has ended, and not how";
            return Err(Error::new(Kind::Malformed, message).into());
        }
    };
    Ok(Outcome {
        end,
        stdout: decoded("guest-exec-status", &status.out_data)?,
        stderr: decoded("guest-exec-status", &status.err_data)?,
        truncated: status.out_truncated || status.err_truncated,
    })
}
