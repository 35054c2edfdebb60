//! Which agent, and how long it may take.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use nanoqga_testkit::agent::Agent;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::transport::{Address, VsockAddress};

/// How long a reply may take where no limit is given.
const REPLY: Duration = Duration::from_secs(30);

/// The agent.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which agent")]
pub(crate) struct Target {
    /// The agent's unix socket
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The domain that it is in, by name, id or UUID
    #[arg(long, global = true, value_name = "DOMAIN", conflicts_with = "socket")]
    libvirt: Option<String>,
    /// The guest's number and the port that it listens at
    #[arg(long, global = true, value_name = "CID:PORT", conflicts_with_all = ["socket", "libvirt"])]
    vsock: Option<VsockAddress>,
    /// How long it all may take; without it, each reply may take 30 seconds, and a program of `exec` any time
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    timeout: Option<Duration>,
}

impl Target {
    /// Connects to the agent.
    ///
    /// # Errors
    /// When the command line names none, or there is nobody to connect to.
    pub(crate) fn agent(&self) -> Result<Agent> {
        let address = self.address()?;
        match self.timeout {
            Some(limit) => {
                let end = Deadline::after(limit);
                Ok(Agent::at(&address, limit)?.until(end))
            }
            None => Agent::at(&address, REPLY),
        }
    }

    /// Where the agent is.
    ///
    /// # Errors
    /// When the command line does not say.
    pub(crate) fn address(&self) -> Result<Address> {
        match self {
            Self { socket: Some(path), .. } => Ok(Address::Socket(path.clone())),
            Self { libvirt: Some(domain), .. } => Ok(Address::Libvirt(domain.clone())),
            Self { vsock: Some(address), .. } => Ok(Address::Vsock(*address)),
            _ => bail!("which agent? Name it by --socket PATH, --libvirt DOMAIN or --vsock CID:PORT"),
        }
    }
}

fn seconds(text: &str) -> Result<Duration> {
    let limit = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match limit {
        Some(limit) if !limit.is_zero() => Ok(limit),
        _ => bail!("it is not a number of seconds above 0, as in 2.5"),
    }
}
