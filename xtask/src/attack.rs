//! `cargo xtask attack`: attacks the agent as hosts and devices could, in the long form.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use nanoqga_testkit::process::run;

use crate::fuzz;
use crate::image;
use crate::setup;
use crate::workspace::in_workspace;

/// Attack the agent as hosts and devices could, for an hour or two.
///
/// Attacks the agent as a host would, over every kind of channel: messages in any pieces, stalls, hosts that leave at every
/// byte, 10,000 that leave in mid-message, random bytes, floods and messages of 64 MiB, a million pings, a reader of a byte a
/// second. Then the virtio-serial driver as a device would. Each attack tells what it did, and must leave an agent that has lost
/// nothing, answered nothing twice, and goes on. The short form is `cargo xtask test hostile`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the attacks of hosts whose names have this in them, such as linux:: or q35_virtio::floods
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// All chance comes from this number; a failure names it [default: the time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many seconds the device lies
    #[arg(long, value_name = "N", default_value_t = 600)]
    seconds: u64,
}

const LIMIT: Duration = Duration::from_secs(4 * 3600);

pub(crate) fn main(args: &Args) -> Result<()> {
    let Args { names, seed, seconds } = args;
    let seed = seed.unwrap_or(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
    let images = prepare()?;
    println!("seed {seed}");
    let mut command = Command::new("cargo");
    command.envs(images);
    in_workspace(&mut command).args(["test", "--package", "tests", "--test", "hostile", "--"]);
    command.args(["--include-ignored", "--nocapture"]).args(names);
    run(command.env("NANOQGA_ATTACK", "long").env("NANOQGA_SEED", seed.to_string()), LIMIT)?;
    if names.is_empty() {
        fuzz::fuzz(&[(fuzz::DEVICE, *seconds)])?;
    }
    Ok(())
}

/// Builds all that is attacked. Returns the environment variables by which the tests find it.
pub(crate) fn prepare() -> Result<Vec<(String, PathBuf)>> {
    setup::qemu()?;
    setup::vsock()?;
    image::for_tests()
}
