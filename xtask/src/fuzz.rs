//! `cargo xtask fuzz`: feeds any bytes at all to the parts of the engine that read what a host sends, to the drivers of
//! virtio-serial and vsock as their devices, and to the readers of what firmware, loaders and devices leave for a machine.
//!
//! Neither the engine nor these readers have unsafe code for a sanitizer to look into, Miri looks into the driver's, and
//! without a sanitizer the fuzzer's instrumentation needs no nightly compiler.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, bail};
use nanoqga_testkit::process::run;
use nanoqga_testkit::progress::step_with_output;
use serde_json::{Value, json};

use crate::at_once;
use crate::setup;
use crate::test::Report;
use crate::usage::one_of;
use crate::workspace::{self, in_workspace};

/// Feed the readers of what hosts, devices and firmware say with any bytes at all.
///
/// Feeds scanner, agent and base64 with mutations of the recorded requests. To virtio_serial and vsock any bytes are what their devices do. acpi,
/// boot_info and device_tree get mutations of what firmware leaves for a guest, pci of what devices have in configuration space, xen of
/// what Xen's store and other domains say. As many run at once as there are processors. It installs cargo-fuzz and a C++ compiler where
/// they are missing. What a target cannot stand makes it fail, with the path of the input; `cargo fuzz run --sanitizer none TARGET PATH`,
/// in fuzz/, does it again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is fed; all when none is named
    #[arg(value_name = "TARGET", value_parser = one_of(TARGETS.map(|target| (target.0.into(), target))))]
    targets: Vec<Target>,
    /// How many seconds each target runs; when not given, as long as in a test
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Only make the requests in fuzz/corpus anew from tests/conformance/vectors.json
    #[arg(long, conflicts_with_all = ["targets", "seconds"])]
    seed: bool,
}

/// A program of fuzz/fuzz_targets, and for how many seconds it runs.
pub(crate) type Target = (&'static str, u64);

/// What can be fuzzed, and for how many seconds a test does so. Those at the end have less time, because other tests feed them, too, or
/// because only who has started the guest can feed them.
const TARGETS: [Target; 13] = [
    ("network", 60),
    ("storage", 60),
    ("acpi", 60),
    ("device_tree", 60),
    ("pci", 60),
    ("boot_info", 15),
    ("xen", 15),
    ("scanner", 15),
    ("agent", 15),
    ("base64", 15),
    (DEVICE, 15),
    ("vsock", 15),
    ("settings", 15),
];
/// The target whose inputs say what a virtio-serial device does.
pub(crate) const DEVICE: &str = "virtio_serial";
/// The targets whose inputs are requests.
const OF_REQUESTS: [&str; 3] = ["scanner", "agent", "base64"];

const RECORDING: &str = include_str!("../../tests/conformance/vectors.json");

const BUILD: Duration = Duration::from_secs(900);
/// How much longer than asked a target may take to start and to end.
const SLACK: Duration = Duration::from_secs(120);

pub(crate) fn main(args: &Args) -> Result<()> {
    let Args { targets, seconds, seed } = args;
    if *seed {
        return write_seeds();
    }
    let mut targets = if targets.is_empty() { TARGETS.to_vec() } else { targets.clone() };
    for (_, of_target) in &mut targets {
        *of_target = seconds.unwrap_or(*of_target);
    }
    fuzz(&targets)
}

/// The lints of the targets, then all of them for as long as a test takes.
pub(crate) fn test(report: &mut Report) -> Result<()> {
    setup::cargo_fuzz()?;
    let cargo = |subcommand| {
        let mut command = Command::new("cargo");
        in_workspace(&mut command).args([subcommand, "--manifest-path", "fuzz/Cargo.toml"]);
        command
    };
    report.run(cargo("fmt").arg("--check"), BUILD)?;
    report.run(cargo("clippy").args(["--all-targets", "--", "--deny", "warnings"]), BUILD)?;
    report.run(cargo("doc").arg("--no-deps").env("RUSTDOCFLAGS", "--deny warnings"), BUILD)?;
    report.check(|| fuzz(&TARGETS))
}

/// Runs `targets`, on every processor one. One that fails does not keep the others from running.
pub(crate) fn fuzz(targets: &[Target]) -> Result<()> {
    setup::cargo_fuzz()?;
    step_with_output("Building the fuzz targets", || run(&mut cargo_fuzz("build"), BUILD))?;
    let results = at_once::for_each(targets, |&(name, seconds)| {
        let fuzzing = format!("Fuzzing {name} for {seconds} s");
        step_with_output(&fuzzing, || fuzz_target(name, seconds)).inspect_err(|error| eprintln!("error: {error:#}"))
    });
    let failed: Vec<_> =
        targets.iter().zip(results).filter(|(_, result)| result.is_err()).map(|((name, _), _)| *name).collect();
    if !failed.is_empty() {
        bail!("the fuzzer has found inputs that fail, named above, in: {}", failed.join(", "));
    }
    Ok(())
}

fn fuzz_target(target: &str, seconds: u64) -> Result<()> {
    // What it finds worth keeping goes into the first; the seeds stay as they are.
    let found = in_fuzz("target/corpus", target);
    fs::create_dir_all(&found)?;
    let start = SystemTime::now();
    let mut command = cargo_fuzz("run");
    command.arg(target).arg(&found).args(Some(seeds_of(target)).filter(|seeds| seeds.exists()));
    command.args(["--", &format!("-max_total_time={seconds}"), "-timeout=60", "-verbosity=0", "-print_final_stats=1"]);
    let outcome = run(&mut command, Duration::from_secs(seconds) + SLACK);
    outcome.map_err(|error| match newest_artifact(target, start) {
        Some(input) => anyhow!("{target} fails with {}", input.display()),
        None => error,
    })
}

/// The input that was written down since `start`.
fn newest_artifact(target: &str, start: SystemTime) -> Option<PathBuf> {
    let files = fs::read_dir(in_fuzz("artifacts", target)).ok()?.flatten();
    let written = files.filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())));
    written.filter(|(time, _)| *time >= start).max().map(|(_, path)| path)
}

fn cargo_fuzz(subcommand: &str) -> Command {
    let mut command = Command::new("cargo");
    in_workspace(&mut command).args(["fuzz", subcommand, "--sanitizer", "none"]).env("RUST_BACKTRACE", "0");
    command
}

fn seeds_of(target: &str) -> PathBuf {
    in_fuzz("corpus", target)
}

fn in_fuzz(folder: &str, target: &str) -> PathBuf {
    workspace::path("fuzz").join(folder).join(target)
}

/// One input: its file's name and its bytes.
type Seed = (String, Vec<u8>);

/// Requests that no recording has: QEMU's agent runs no tests.
const UNRECORDED: [(&str, &str); 4] = [
    ("info", r#"{"execute":"nanoqga-test-info"}"#),
    ("list", r#"{"execute":"nanoqga-test-list","arguments":{"from":0,"limit":9}}"#),
    (
        "run",
        r#"{"execute":"nanoqga-test-run","arguments":{"name":"fuzz::writes","case":0,"seed":97,"mark":"m"},"id":["i"]}"#,
    ),
    ("run-long", r#"{"execute":"nanoqga-test-run","arguments":{"name":"fuzz::writes","case":3,"seed":8364999}}"#),
];

/// The recorded requests and those that are not, each behind the settings that a target takes its sizes from
/// (`fuzz/src/lib.rs`).
fn seeds() -> Result<Vec<Seed>> {
    let recording: Value = serde_json::from_str(RECORDING)?;
    let vectors = recording["vectors"].as_array().context("the recording has no vectors")?;
    let unrecorded = UNRECORDED.map(|(name, request)| json!({"group": "testing", "name": name, "request": request}));
    vectors.iter().chain(&unrecorded).enumerate().map(|(index, vector)| seed(index, vector)).collect()
}

fn seed(index: usize, vector: &Value) -> Result<Seed> {
    let text = |member: &str| vector[member].as_str().with_context(|| format!("a vector has no {member}"));
    let name = format!("{} {}", text("group")?, text("name")?);
    let name = name.replace(|character: char| !character.is_ascii_alphanumeric(), "-");
    // All sizes small, and another one for each seed.
    let settings = [0, 1, 2, 3, 4, 5, 6, 7].map(|place| (index + place) as u8);
    let request: Result<Vec<u8>, _> = text("request")?.chars().map(u8::try_from).collect();
    let request = request.context("the recording's characters are bytes")?;
    Ok((name, [&settings[..], &request].concat()))
}

fn write_seeds() -> Result<()> {
    let seeds = seeds()?;
    for target in OF_REQUESTS {
        let folder = seeds_of(target);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        for (name, bytes) in &seeds {
            fs::write(folder.join(name), bytes)?;
        }
        println!("{}: {} seeds", folder.display(), seeds.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_seeds_are_those_that_would_be_made() {
        let mut expected = seeds().unwrap();
        expected.sort();
        for target in OF_REQUESTS {
            let files = fs::read_dir(seeds_of(target)).unwrap().map(|file| file.unwrap().path());
            let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
            let mut found: Vec<Seed> = files.map(|path| (name(&path), fs::read(&path).unwrap())).collect();
            found.sort();
            assert_eq!(found, expected, "make them anew with `cargo xtask fuzz --seed`");
        }
    }
}
