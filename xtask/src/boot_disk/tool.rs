//! The tools that make disks, run in a folder.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::{find, run};

const LIMIT: Duration = Duration::from_secs(60);

/// Runs a program in a folder.
pub(super) fn tool(folder: &PrivateFolder, program: &str, arguments: &[&str]) -> Result<()> {
    let found = find(program).with_context(|| format!("{program} is not installed; `cargo xtask setup` does that"))?;
    run(Command::new(found).args(arguments).current_dir(folder.path()), LIMIT)
}
