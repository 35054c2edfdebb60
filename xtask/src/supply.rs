//! The crates of others that nanoqga is built from: their licences, their versions, and where they come from.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use nanoqga_testkit::process::run;
use nanoqga_testkit::progress::step_with_output;

use crate::setup;
use crate::test::Report;
use crate::workspace::{self, in_workspace};

const LIMIT: Duration = Duration::from_secs(600);

/// The workspaces from which programs of ours are built, and the fuzz targets.
const WORKSPACES: [&str; 2] = ["Cargo.toml", "fuzz/Cargo.toml"];

/// Checks that they are as deny.toml wants them. Known vulnerabilities are not looked for: their list is only to be had from the network,
/// and changes without a change of ours. RELEASING.md has them.
///
/// # Errors
/// When one is not; cargo-deny has printed which, and why.
pub(crate) fn lint(report: &mut Report) -> Result<()> {
    if !setup::has_cargo_deny() {
        report
            .skip("licences, versions and sources of crates: cargo-deny is not here; `cargo xtask setup` installs it");
        return Ok(());
    }
    for manifest in WORKSPACES {
        let mut deny = Command::new("cargo");
        in_workspace(&mut deny).args(["deny", "--log-level", "error", "--locked"]);
        deny.arg("--manifest-path").arg(workspace::path(manifest));
        deny.args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"]);
        report.check(|| step_with_output(&format!("Checking the crates of {manifest}"), || run(&mut deny, LIMIT)))?;
    }
    Ok(())
}
