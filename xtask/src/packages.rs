//! The crates that are to be published: packed as they would be, and compiled by the oldest Rust that they name.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::process::{output, run};
use nanoqga_testkit::progress::step_with_output;
use serde_json::Value;

use crate::nightly;
use crate::setup;
use crate::test::Report;
use crate::workspace::in_workspace;

const LIMIT: Duration = Duration::from_secs(600);

/// The packages that are published.
const PUBLISHED: [&str; 2] = ["nanoqga", "virtio-serial"];

/// Checks that they could be published.
///
/// # Errors
/// When one has a file too few, a feature does not compile, or the documentation does not.
pub(crate) fn test(report: &mut Report) -> Result<()> {
    setup::cargo_hack()?;
    for package in PUBLISHED {
        report.check(|| has_its_licences(package))?;
    }
    report.check(|| {
        step_with_output("Packing the crates and compiling what was packed", || {
            // What is not committed yet is to be packed, too.
            run(with_published(cargo("publish").args(["--dry-run", "--allow-dirty"])), LIMIT)
        })
    })?;
    each_feature(&oldest_rust()?, report)?;
    match nightly::install() {
        Ok(()) => report.check(|| step_with_output("Documenting the crates as docs.rs does", documentation)),
        Err(reason) => {
            report.skip(format!("documentation as on docs.rs: {reason:#}"));
            Ok(())
        }
    }
}

/// The texts are in the workspace's root, from where links bring them.
fn has_its_licences(package: &str) -> Result<()> {
    let files = output(cargo("package").args(["--list", "--quiet", "--allow-dirty", "--package", package]), LIMIT)?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        ensure!(files.lines().any(|file| file == licence), "{package} would be published without {licence}");
    }
    Ok(())
}

/// Compiles the crates with each of their features, and none.
fn each_feature(oldest: &str, report: &mut Report) -> Result<()> {
    // What tests depend on is not compiled by `check`, so it may need a newer Rust.
    let mut hack = cargo("hack");
    with_published(hack.args(["check", "--each-feature"]));
    if setup::toolchain(oldest)? {
        let with_oldest = || run(hack.arg("--rust-version"), LIMIT);
        return report.check(|| step_with_output(&format!("Compiling each feature with Rust {oldest}"), with_oldest));
    }
    report.skip(format!("each feature with Rust {oldest}, which cannot be installed here; a newer one compiles them"));
    report.check(|| step_with_output("Compiling each feature with a newer Rust", || run(&mut hack, LIMIT)))
}

/// The oldest Rust that the crates say they compile with.
fn oldest_rust() -> Result<String> {
    let metadata: Value =
        serde_json::from_str(&output(cargo("metadata").args(["--no-deps", "--format-version", "1"]), LIMIT)?)?;
    let packages = metadata["packages"].as_array().context("cargo names no packages")?;
    let published = packages.iter().find(|package| package["name"] == PUBLISHED[0]);
    let version = published.and_then(|package| package["rust_version"].as_str());
    Ok(version.with_context(|| format!("{} does not say which Rust it needs", PUBLISHED[0]))?.into())
}

fn documentation() -> Result<()> {
    let mut command = nightly::cargo();
    in_workspace(&mut command).args(["doc", "--no-deps", "--all-features"]);
    run(with_published(&mut command).env("RUSTDOCFLAGS", "--deny warnings --cfg docsrs"), LIMIT)
}

/// Names the published packages on the command line of cargo.
fn with_published(command: &mut Command) -> &mut Command {
    for package in PUBLISHED {
        command.args(["--package", package]);
    }
    command
}

fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new("cargo");
    in_workspace(&mut command).arg(subcommand);
    command
}
