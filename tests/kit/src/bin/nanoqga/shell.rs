//! `nanoqga shell`

use anyhow::Result;
use nanoqga_testkit::shell::{End, shell};

use crate::status::Status;
use crate::target::Target;

/// A prompt for the agent's commands, which Tab completes
///
/// `help` at the prompt says what can be typed. Where stdin is no terminal, each of its lines is a command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn main(target: &Target) -> Result<Status> {
    let mut agent = target.agent()?;
    Ok(match shell(&mut agent, "leave; the guest goes on running (so does Ctrl-D)")? {
        End::Quit | End::Down => Status::Done,
        End::Lost => Status::Lost,
    })
}
