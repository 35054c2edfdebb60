//! The pinned nightly Rust: for Miri, for docs.rs's flags, and for systems whose libraries the stable one does not have.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::process::{find, output, run};
use nanoqga_testkit::progress::step_with_output;

const INSTALL: Duration = Duration::from_secs(900);

/// Its name. Each night brings another one.
const NIGHTLY: &str = "nightly-2026-07-21";

/// Sees to it that the pinned nightly toolchain is there, with Miri.
///
/// # Errors
/// When it is not and cannot be installed. The error is the reason to skip what needs it.
pub(crate) fn install() -> Result<()> {
    let Some(rustup) = find("rustup") else {
        bail!("{NIGHTLY} is needed, and rustup, which installs it, is not here: https://rustup.rs has it")
    };
    let works = cargo().args(["miri", "--version"]).output().is_ok_and(|asked| asked.status.success());
    if works {
        return Ok(());
    }
    let mut add = Command::new(rustup);
    add.args(["toolchain", "install", NIGHTLY, "--profile", "minimal", "--no-self-update"]);
    add.args(["--component", "miri", "--component", "rust-src"]);
    step_with_output(&format!("Adding Rust {NIGHTLY} with Miri"), || run(&mut add, INSTALL))
        .with_context(|| format!("{NIGHTLY} cannot be installed"))
}

/// The cargo of the pinned nightly toolchain.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", NIGHTLY, "cargo"]);
    command
}

/// Where one of its programs is.
///
/// # Errors
/// When it is not installed.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let path = output(Command::new("rustup").args(["which", "--toolchain", NIGHTLY, name]), INSTALL)?;
    Ok(path.trim().into())
}
