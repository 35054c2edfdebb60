//! The mutants of a package, tested some at a time. What was found is kept below target/mutants.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::outcomes::Outcomes;
use super::package::Package;
use super::tool;
use crate::workspace;

/// How many mutants a shard has, or fewer: some minutes.
const MUTANTS: usize = 60;

/// Some of the mutants of a package, in the state that its files have.
#[derive(Debug)]
pub(super) struct Shard {
    package: Package,
    /// `1` is the first of `count`.
    pub number: usize,
    count: usize,
    digest: u64,
}

impl Shard {
    /// All mutants of a package.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(super) fn all(package: Package) -> Result<Vec<Self>> {
        let count = tool::list(&["--package", package.name])?.len().div_ceil(MUTANTS);
        let digest = package.digest()?;
        Ok((1..=count).map(|number| Self { package, number, count, digest }).collect())
    }

    /// What an earlier run has found, if it has come to the shard's end.
    ///
    /// # Errors
    /// When what was kept cannot be read.
    pub(super) fn kept(&self) -> Result<Option<Outcomes>> {
        let tested = fs::read_to_string(self.tested()).unwrap_or_default();
        if tested != self.state() {
            return Ok(None);
        }
        Outcomes::read(&self.folder()).map(Some)
    }

    /// Tests the mutants, after the code without a mutant unless that `is_known_good`.
    ///
    /// # Errors
    /// As [`tool::run`].
    pub(super) fn run(&self, is_known_good: bool) -> Result<Outcomes> {
        let shard = format!("{}/{}", self.number - 1, self.count);
        let baseline = if is_known_good { "skip" } else { "run" };
        let options = ["--package", self.package.name, "--shard", shard.as_str(), "--baseline", baseline];
        let outcomes = tool::run(&self.folder(), &options, None)?;
        fs::write(self.tested(), self.state())?;
        Ok(outcomes)
    }

    fn folder(&self) -> PathBuf {
        workspace::path("target/mutants").join(self.package.name).join(self.number.to_string())
    }

    /// The file that says which state was tested.
    fn tested(&self) -> PathBuf {
        self.folder().join("tested")
    }

    fn state(&self) -> String {
        format!("{:016x} {}", self.digest, self.count)
    }
}
