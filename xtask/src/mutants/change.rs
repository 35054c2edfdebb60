//! What was changed last: what is not committed, or else the last commit.

use std::process::Command;

use anyhow::Result;
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::process::{finish, output};

use crate::workspace::in_workspace;

/// The change of the Rust files below `folders`, as git prints it; without a commit to compare with none.
///
/// # Errors
/// When git does not work.
pub(super) fn diff(folders: &[&str]) -> Result<Option<String>> {
    if !has("HEAD")? {
        return Ok(None);
    }
    let not_committed = against("HEAD", folders)?;
    if !not_committed.is_empty() {
        return Ok(Some(not_committed));
    }
    if !has("HEAD^")? {
        return Ok(None);
    }
    against("HEAD^", folders).map(Some)
}

fn against(commit: &str, folders: &[&str]) -> Result<String> {
    let mut diff = Command::new("git");
    let files = folders.iter().map(|folder| format!("{folder}/*.rs"));
    output(in_workspace(&mut diff).args(["diff", "--no-color", "--no-ext-diff", commit, "--"]).args(files), SOON)
}

fn has(commit: &str) -> Result<bool> {
    let mut parse = Command::new("git");
    let (status, _) = finish(in_workspace(&mut parse).args(["rev-parse", "--quiet", "--verify", commit]), SOON)?;
    Ok(status.success())
}
