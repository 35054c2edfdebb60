//! `cargo xtask kernels`: the engine in kernels that others wrote. Each is a workspace of its own under `targets/kernels`, and is
//! built by cargo with the toolchain that its folder names.

mod all;
mod build;
mod osdk;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::builder::PossibleValue;
use nanoqga_testkit::process::run;

use self::all::{CORTEX_M_BARE, CORTEX_M_POLLED, KERNELS};
use self::build::Kernel;
use crate::apt::need;
use crate::at_once;
use crate::test::{Report, whole_system};
use crate::usage::one_of;

/// For all tests of all kernels together.
const LIMIT: Duration = Duration::from_secs(3600);

/// Build, boot and ask kernels of others that have the engine in them.
///
/// Builds each with the toolchain that its folder names, which rustup installs, boots it under QEMU and holds the conversations of
/// the tests with it. They are shown. What is built is kept in target/kernels, or in the kernel's own folder target.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which; all when none is named
    #[arg(value_name = "KERNEL", value_parser = one_of(KERNELS.iter().map(|kernel| (PossibleValue::new(kernel.name), kernel))))]
    kernels: Vec<&'static Kernel>,
    /// Only build them, and print a path for each
    #[arg(long)]
    build: bool,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let kernels = if args.kernels.is_empty() { KERNELS.iter().collect() } else { args.kernels.clone() };
    let mut tests = whole_system("kernels");
    for kernel in &kernels {
        kernel.toolchain()?;
        let program = kernel.build()?;
        tests.env(kernel.variable(), &program);
        if args.build {
            println!("{}", program.display());
        }
    }
    if args.build {
        return Ok(());
    }
    tests.args(["--", "--nocapture", "--test-threads", "1"]).args(kernels.iter().map(|kernel| kernel.tests()));
    run(&mut tests, LIMIT)
}

/// Installs what they need. Says which of them cannot be built here, and why.
///
/// # Errors
/// A Debian package is missing and cannot be installed.
pub(crate) fn setup() -> Result<()> {
    need(KERNELS.iter().flat_map(|kernel| kernel.needs))?;
    for kernel in one_of_each_folder() {
        if let Err(reason) = kernel.toolchain() {
            eprintln!("Without kernels of {}: {reason:#}", kernel.folder);
        }
    }
    Ok(())
}

/// The tests of those that are not `long`, or of those that are. One whose toolchain cannot be had is skipped.
pub(crate) fn test(long: bool, report: &mut Report) -> Result<()> {
    let mut tests = whole_system("kernels");
    let mut names: Vec<String> = if long { vec![] } else { ["machine_only::", "pages::"].map(String::from).into() };
    let mut kernels = Vec::new();
    for kernel in KERNELS.iter().filter(|kernel| kernel.long == long) {
        match kernel.toolchain() {
            Ok(()) => kernels.push(kernel),
            Err(reason) => report.skip(format!("{}: {reason:#}", kernel.name)),
        }
    }
    need(kernels.iter().flat_map(|kernel| kernel.needs))?;
    // Those of a folder share what was compiled. Cargo would have one wait for the other.
    let folders: Vec<_> = kernels.chunk_by(|one, next| one.folder == next.folder).collect();
    let built =
        at_once::for_each(&folders, |kernels| kernels.iter().map(|kernel| kernel.build()).collect::<Result<Vec<_>>>());
    let programs = built.into_iter().collect::<Result<Vec<_>>>()?.concat();
    for (kernel, program) in kernels.iter().zip(programs) {
        tests.env(kernel.variable(), program);
        names.push(kernel.tests());
    }
    // Without a name, cargo would run all of them.
    if names.is_empty() {
        return Ok(());
    }
    let mut ignored = Vec::new();
    let result = report.tests_then(tests.arg("--").args(names), LIMIT, |output| {
        ignored = output.lines().filter_map(ignored_test).collect();
    });
    ignored.into_iter().for_each(|test| report.skip(test));
    result
}

/// The test that a line of `cargo test` says was ignored, and its reason.
fn ignored_test(line: &str) -> Option<String> {
    let (test, reason) = line.strip_prefix("test ")?.split_once(" ... ignored, ")?;
    Some(format!("{test}: {reason}"))
}

/// Builds the firmware for a Cortex-M3 with the polled agent, and without an agent.
///
/// # Errors
/// One does not build.
pub(crate) fn firmware() -> Result<(PathBuf, PathBuf)> {
    Ok((CORTEX_M_POLLED.build()?, CORTEX_M_BARE.build()?))
}

/// A kernel of each folder. Those of a folder have the same toolchain.
fn one_of_each_folder() -> Vec<&'static Kernel> {
    let mut kernels: Vec<_> = KERNELS.iter().collect();
    kernels.dedup_by_key(|kernel| kernel.folder);
    kernels
}

/// The lints of all kernels: their format, and clippy for those that this project's own toolchain compiles.
pub(crate) fn lint(report: &mut Report) -> Result<()> {
    for kernel in one_of_each_folder() {
        report.run(&mut kernel.format(), LIMIT)?;
        if !kernel.has_our_toolchain()? {
            continue;
        }
        match kernel.toolchain() {
            Ok(()) => report.run(&mut kernel.clippy(), LIMIT)?,
            Err(reason) => report.skip(format!("clippy for {}: {reason:#}", kernel.name)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_test_that_was_ignored_is_skipped() {
        assert_eq!(
            ignored_test("test ostd::sleeps ... ignored, its timer ticks").as_deref(),
            Some("ostd::sleeps: its timer ticks")
        );
        assert_eq!(ignored_test("test ostd::goes_down ... ok"), None);
    }
}
