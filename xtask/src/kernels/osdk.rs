//! OSDK, the tool that builds kernels on OSTD.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nanoqga_testkit::process::run;

use crate::workspace::{in_workspace, path};

const INSTALL: Duration = Duration::from_secs(900);

/// That of the OSTD that the kernel depends on.
const VERSION: &str = "0.19.0";
/// A folder of our own, because the user may have another version in cargo's.
const FOLDER: &str = "target/tools";

/// Sees to it that the tool is there.
///
/// # Errors
/// When it is not and cannot be installed.
pub(super) fn install() -> Result<()> {
    // Does nothing, and asks no registry, when this version is there.
    let mut install = Command::new("cargo");
    install.args(["install", "--quiet", "cargo-osdk", "--version", VERSION, "--locked", "--root"]).arg(path(FOLDER));
    run(in_workspace(&mut install), INSTALL).context("cargo-osdk cannot be installed")
}

/// Builds the kernel of the folder that the command runs in, told `arguments` besides.
pub(super) fn build(arguments: &[&str]) -> Command {
    let mut build = Command::new(path(FOLDER).join("bin/cargo-osdk"));
    // The program that is linked is a package that the tool writes, three folders below.
    build.args(["osdk", "build", "--config", r#"resolver.lockfile-path="../../../osdk/Cargo.lock""#]);
    build.args(arguments);
    build
}
