//! `cargo xtask attack`: attacks the agent as hosts and devices could, in the long form.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use nanoqga_testkit::process::run;

use crate::fuzz;
use crate::image;
use crate::options::{Argument, Options};
use crate::setup;
use crate::workspace::in_workspace;

pub(crate) const HELP: &str = "\
cargo xtask attack [--seed N] [--seconds N] [NAME]...

Attacks the agent as a host would, over every kind of channel: messages in any pieces, stalls, hosts that leave at every
byte, 10,000 that leave in mid-message, random bytes, floods and messages of 64 MiB, a million pings, a reader of a byte a
second. Then the virtio-serial driver as a device would. Each attack tells what it did, and must leave an agent that has
lost nothing, answered nothing twice, and goes on. It takes an hour or two; the short form is `cargo xtask test hostile`.

  NAME         only the attacks of hosts whose names have this in them, such as linux:: or q35_virtio::floods
  --seed N     all chance comes from this number; a failure names it (default: the time)
  --seconds N  how long the device lies (600)
";

const LIMIT: Duration = Duration::from_secs(4 * 3600);
/// How long the driver is attacked by a device.
const SECONDS: u64 = 600;

pub(crate) fn main(mut options: Options) -> Result<()> {
    let mut seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut seconds = SECONDS;
    let mut names = Vec::new();
    while let Some(argument) = options.argument()? {
        match argument {
            Argument::Option(name) if name == "seed" => seed = options.value(|value| Ok(value.parse()?))?,
            Argument::Option(name) if name == "seconds" => seconds = options.value(|value| Ok(value.parse()?))?,
            Argument::Word(word) => names.push(word),
            other => return Err(other.unexpected()),
        }
    }
    let images = prepare()?;
    println!("seed {seed}");
    let mut command = Command::new("cargo");
    command.envs(images);
    in_workspace(&mut command).args(["test", "--package", "tests", "--test", "hostile", "--"]);
    command.args(["--include-ignored", "--nocapture"]).args(&names);
    run(command.env("NANOQGA_ATTACK", "long").env("NANOQGA_SEED", seed.to_string()), LIMIT)?;
    if names.is_empty() {
        fuzz::fuzz(&[(fuzz::DEVICE, seconds)])?;
    }
    Ok(())
}

/// Builds all that is attacked. Returns the environment variables by which the tests find it.
pub(crate) fn prepare() -> Result<Vec<(String, PathBuf)>> {
    setup::qemu()?;
    image::for_tests()
}
