//! cargo-mutants, working in the copy.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use nanoqga_testkit::deadline;
use nanoqga_testkit::process::{finish_showing, output};

use super::copy;
use super::outcomes::Outcomes;
use crate::setup;
use crate::workspace::in_workspace;

/// How long listing may take, and longer than one mutant takes.
const LISTING: Duration = Duration::from_secs(300);
/// How long the tests of one mutant may take on an idle machine. One that computes without end is ended before, by the limit in
/// `.cargo/mutants.toml`.
const TESTS: Duration = Duration::from_secs(60);
/// How long a run may take that has no limit of its own.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);
/// How long after its limit a run has to end what it has started.
const GRACE: Duration = Duration::from_secs(30);

/// The names of the mutants that `options` choose.
///
/// # Errors
/// When cargo-mutants does not work.
pub(super) fn list(options: &[&str]) -> Result<Vec<String>> {
    let listed = output(mutants(&[])?.arg("--list").args(options), LISTING)?;
    Ok(listed.lines().map(String::from).collect())
}

/// Tests the mutants that `options` choose, and keeps what cargo-mutants writes in `folder`. Ends after `limit`, whatever is left
/// to be tested then.
///
/// # Errors
/// When cargo-mutants does not work, or a test fails without a mutant.
pub(super) fn run(folder: &Path, options: &[&str], limit: Option<Duration>) -> Result<Outcomes> {
    let limit = limit.unwrap_or(LONG);
    fs::create_dir_all(folder)?;
    // It ends its own programs when it is interrupted, as by a terminal, and not when it is killed.
    let interrupted = ["timeout", "--foreground", "--signal=INT", "--kill-after=20"].map(String::from);
    let interrupted: Vec<_> = interrupted.into_iter().chain([limit.as_secs().to_string()]).collect();
    let mut run = mutants(&interrupted)?;
    run.arg("--output").arg(folder).args(options).args(["--in-place", "--colors=never", "--caught"]);
    run.args(["--timeout", &(TESTS * deadline::factor()).as_secs().to_string()]);
    let (status, _) = finish_showing(&mut run, limit + GRACE)?;
    match status.code() {
        Some(SUCCESS | MISSED | TIMED_OUT | ENDED) => Outcomes::read(folder),
        Some(UNTESTED) => bail!(
            "a test fails before any change was made, so changes would show nothing: mend that test, which is named above"
        ),
        _ => bail!("cargo-mutants failed ({status})"),
    }
}

/// What cargo-mutants exits with.
const SUCCESS: i32 = 0;
const MISSED: i32 = 2;
const TIMED_OUT: i32 = 3;
const UNTESTED: i32 = 4;
/// What `timeout` exits with.
const ENDED: i32 = 124;

fn mutants(before: &[String]) -> Result<Command> {
    let program = setup::cargo_mutants()?.into_os_string();
    let words: Vec<_> = before.iter().map(Into::into).chain([program]).collect();
    let mut command = Command::new(&words[0]);
    in_workspace(&mut command).args(&words[1..]).arg("mutants").arg("--dir").arg(copy::folder());
    // A test that fails is enough: nothing is gained by looking for the smallest input, or by keeping it.
    command.env("PROPTEST_MAX_SHRINK_ITERS", "0").env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    command.env("CARGO_INCREMENTAL", "1").env("RUST_BACKTRACE", "0");
    Ok(command)
}
