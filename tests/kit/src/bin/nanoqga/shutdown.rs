//! `nanoqga shutdown`

use std::io::{Write, stdout};

use anyhow::Result;
use clap::ValueEnum;
use nanoqga_testkit::agent::{Down, Mode};
use serde_json::json;

use crate::status::Status;
use crate::target::Target;

/// Switch the guest off, or reboot it
///
/// Agents have no reply to that when it succeeds. So this does not wait until the guest is off: it ends when the agent has
/// refused, still answers afterwards, has left, or says nothing for 5 seconds.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How it goes down
    #[arg(long, value_enum, default_value_t = How::Powerdown)]
    mode: How,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum How {
    /// Switch it off
    Powerdown,
    /// Start it again
    Reboot,
    /// Stop it, with its power on
    Halt,
}

pub(crate) fn main(target: &Target, json: bool, args: &Args) -> Result<Status> {
    let mode = match args.mode {
        How::Powerdown => Mode::Powerdown,
        How::Reboot => Mode::Reboot,
        How::Halt => Mode::Halt,
    };
    let (name, text) = match target.agent()?.shut_down(mode)? {
        Down::Gone => ("gone", "The guest has gone."),
        Down::Accepted => ("accepted", "The guest is going down."),
        Down::Silent => ("silent", "The guest is going down: its agent says nothing more."),
    };
    match json {
        true => writeln!(stdout(), "{}", json!({"mode": mode.name(), "guest": name}))?,
        false => writeln!(stdout(), "{text}")?,
    }
    Ok(Status::Done)
}
