//! `cargo xtask soak`: long runs of guests beside a model of them.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use nanoqga_testkit::process::run;

use crate::image;
use crate::setup;
use crate::test::{Report, whole_system};

/// Have hosts do everything at random, for as long as you like, beside a model that knows each reply.
///
/// The appliance on q35 and aarch64 and the agent for Linux run side by side. Hosts open, read and write files, freeze and thaw, set clocks, leave
/// in mid-message; guests are saved, restored, migrated and suspended, and devices come and leave. Each reply must be as a model says, and
/// memory and descriptors must not grow. The run ends with the first difference.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the guests of these names: q35, aarch64, linux
    #[arg(value_name = "GUEST")]
    guests: Vec<String>,
    /// For how many hours
    #[arg(long, value_name = "N", default_value_t = 0)]
    hours: u64,
    /// For how many minutes, beside the hours
    #[arg(long, value_name = "N", default_value_t = 0, required_unless_present = "hours")]
    minutes: u64,
    /// All chance comes from this number; a failure names it [default: the time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// What guests may take beside the time of the run, to boot and to go down.
const MORE: Duration = Duration::from_secs(1200);

/// How long the part of the test is.
const PART: Duration = Duration::from_secs(3600);

pub(crate) fn main(args: &Args) -> Result<()> {
    let Args { guests, hours, minutes, seed } = args;
    let time = Duration::from_secs(hours * 3600 + minutes * 60);
    let mut command = command(time)?;
    if let Some(seed) = seed {
        command.env("NANOQGA_SEED", seed.to_string());
    }
    run(command.args(["--", "--nocapture"]).args(guests), time + MORE)
}

/// An hour of it.
///
/// # Errors
/// When a guest differs from its model.
pub(crate) fn test(report: &mut Report) -> Result<()> {
    report.tests(&mut command(PART)?, PART + MORE)
}

fn command(time: Duration) -> Result<Command> {
    setup::qemu()?;
    setup::disks()?;
    setup::linux()?;
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut command = whole_system("soak");
    command.envs(image::for_tests()?).env("NANOQGA_SOAK", time.as_secs().to_string());
    // The guests run side by side, however many processors there are.
    command.env("NANOQGA_SEED", seed.to_string()).env("RUST_TEST_THREADS", "3");
    Ok(command)
}
