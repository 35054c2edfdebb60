//! `nanoqga ping`

use std::io::{Write, stdout};
use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use crate::status::Status;
use crate::target::Target;

/// See whether the agent answers
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn main(target: &Target, json: bool) -> Result<Status> {
    let mut agent = target.agent()?;
    // The first one also gets in step with the agent.
    agent.ping()?;
    let start = Instant::now();
    agent.ping()?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    match json {
        true => writeln!(stdout(), "{}", json!({"milliseconds": milliseconds}))?,
        false => writeln!(stdout(), "The agent answers within {milliseconds:.2} ms.")?,
    }
    Ok(Status::Done)
}
