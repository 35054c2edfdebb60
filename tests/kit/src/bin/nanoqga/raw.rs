//! `nanoqga raw`

use std::io::{Write, stdout};

use anyhow::Result;
use nanoqga_testkit::error::{Error, Kind};

use crate::status::Status;
use crate::target::Target;

/// Send a request as it is, and print the reply
///
/// The reply is one line of JSON, also with --json. An error in it makes the exit status 125.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The request, such as '{"execute": "guest-info"}'
    #[arg(value_name = "JSON")]
    request: String,
}

pub(crate) fn main(target: &Target, args: &Args) -> Result<Status> {
    let mut agent = target.agent()?;
    let reply = agent.raw(&args.request).map_err(|error| match Error::kind_of(&error) {
        Some(Kind::TimedOut) => error.context("guest-shutdown and guest-suspend-* have no reply when they succeed"),
        _ => error,
    })?;
    let value = reply.json()?;
    let mut out = stdout().lock();
    out.write_all(reply.line.trim_ascii_start().strip_prefix(b"\xff").unwrap_or(&reply.line))?;
    out.write_all(b"\n")?;
    Ok(if value.get("return").is_some() { Status::Done } else { Status::Failed })
}
