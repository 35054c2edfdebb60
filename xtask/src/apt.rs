//! The Debian packages of programs: which are missing, and how they are installed.

use std::collections::BTreeSet;
use std::io;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use nanoqga_testkit::process::{find, is_root, run};
use nanoqga_testkit::progress::step_with_output;

const INSTALL: Duration = Duration::from_secs(900);

/// A program that must be there, or the path of a file, and the Debian package that brings it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needed {
    pub program: &'static str,
    pub package: &'static str,
}

/// Installs the packages of those programs that are missing.
///
/// # Errors
/// When one is missing and cannot be installed; the error says what to install.
pub(crate) fn need<'a>(programs: impl Iterator<Item = &'a Needed>) -> Result<()> {
    let missing: BTreeSet<_> =
        programs.filter(|needed| find(needed.program).is_none()).map(|needed| needed.package).collect();
    let missing: Vec<_> = missing.into_iter().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if find("apt-get").is_none() {
        bail!("missing: {names} (Debian's names; there is no apt-get here)");
    }
    if !is_root() {
        bail!("missing: {names}. Run this, then try again:\n  sudo apt-get install --no-install-recommends {names}");
    }
    install(&missing)
}

/// Installs Debian packages, as root.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    step_with_output(&format!("Installing {names}"), || {
        // What is installed is said by the step; what goes wrong comes on stderr.
        let apt_get = || {
            let mut command = Command::new("apt-get");
            command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive").stdout(io::stderr());
            command
        };
        run(apt_get().arg("update"), INSTALL)?;
        run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(packages), INSTALL)
    })
}
