//! Kernels that cargo builds, in workspaces of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{on_its_own, output};

/// For all that a kernel depends on.
const LIMIT: Duration = Duration::from_secs(3600);

/// Runs `cargo build` in a folder, with more arguments, and gives the program that it built. It does what that folder says, and
/// not what a cargo says that we may run under: its target, its flags, its toolchain.
///
/// # Errors
/// When it does not build, or builds no program.
pub fn build(folder: &Path, arguments: &[&str]) -> Result<PathBuf> {
    let mut build = Command::new("cargo");
    build.args(["build", "--message-format", "json-render-diagnostics"]).args(arguments).current_dir(folder);
    let told = output(on_its_own(&mut build), LIMIT)
        .with_context(|| format!("the kernel in {} does not build", folder.display()))?;
    let messages = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (tests, others): (Vec<_>, Vec<_>) = messages
        .filter(|message| message["executable"].is_string())
        .partition(|message| message["target"]["kind"][0] == "test");
    // A test's crate has its package's programs built, too.
    let message = tests.last().or(others.last());
    let program = message.and_then(|message| message["executable"].as_str()).map(PathBuf::from);
    program.with_context(|| format!("cargo build {} in {} builds no program", arguments.join(" "), folder.display()))
}
