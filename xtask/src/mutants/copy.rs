//! A copy of the workspace to change code in: a run that is killed leaves nothing in the code that people work on.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::process::output;

use crate::workspace::{self, in_workspace};

const FOLDER: &str = "target/mutants/copy";

/// The copy's folder.
pub(super) fn folder() -> PathBuf {
    workspace::path(FOLDER)
}

/// Brings the copy up to date: the files that git knows or would add. Files that are the same keep their times, so cargo builds little.
///
/// # Errors
/// When this is no checkout of git's, or a file cannot be copied.
pub(super) fn refresh() -> Result<()> {
    let files = listed(&["--cached", "--others", "--exclude-standard"])?;
    let old = folder().join("target/files");
    let before = fs::read_to_string(&old).unwrap_or_default();
    for gone in before.lines().filter(|file| !files.contains(*file)) {
        remove(gone)?;
    }
    for file in &files {
        copy(file).with_context(|| format!("cannot copy {file}"))?;
    }
    fs::create_dir_all(folder().join("target"))?;
    Ok(fs::write(old, files.into_iter().collect::<Vec<_>>().join("\n"))?)
}

/// The files that git lists, by their paths in the workspace.
pub(super) fn listed(options: &[&str]) -> Result<BTreeSet<String>> {
    let mut list = Command::new("git");
    let list = in_workspace(&mut list).args(["-c", "core.quotePath=false", "ls-files"]).args(options);
    let text = output(list, SOON).context("the mutants are made in a copy of what git lists")?;
    // One that is deleted and not committed is listed, too.
    Ok(text.lines().filter(|file| workspace::path(file).symlink_metadata().is_ok()).map(String::from).collect())
}

fn copy(file: &str) -> io::Result<()> {
    let (from, to) = (workspace::path(file), folder().join(file));
    if from.is_symlink() {
        remove(file)?;
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        return symlink(fs::read_link(from)?, to);
    }
    let bytes = fs::read(from)?;
    if fs::read(&to).is_ok_and(|copied| copied == bytes) {
        return Ok(());
    }
    fs::create_dir_all(to.parent().unwrap_or(&to))?;
    fs::write(to, bytes)
}

fn remove(file: &str) -> io::Result<()> {
    match fs::remove_file(folder().join(file)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
