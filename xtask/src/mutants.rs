//! `cargo xtask mutants`: changes the code in many small ways, and looks whether a test notices.

mod change;
mod copy;
mod outcomes;
mod package;
mod shard;
mod table;
mod tool;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use self::outcomes::Outcomes;
use self::package::{PACKAGES, Package};
use self::shard::Shard;
use crate::setup;
use crate::test::Report;
use crate::usage::one_of;
use crate::workspace;

/// Change the code in many small ways, and look whether a test notices each.
///
/// cargo-mutants, which is installed where it is missing, works on a copy in target/mutants. The mutants of a package are tested in
/// shards. What a shard has found is kept until a file of the package changes, so a run that was ended goes on where it was, and
/// another run tells the same at once. `.cargo/mutants.toml` says what is left out, and why. Fails when no test notices a mutant.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose code is changed, and whose tests are run; all when none is named
    #[arg(value_name = "PACKAGE", value_parser = one_of(PACKAGES.map(|package| (package.name.into(), package))))]
    packages: Vec<Package>,
    /// Only test mutants whose name matches; nothing is kept then
    #[arg(long, value_name = "REGEX")]
    only: Option<String>,
    /// Write the counts of a package into docs/mutants.md when all its shards are tested
    #[arg(long, conflicts_with = "only")]
    publish: bool,
}

/// How long the part of the test may take, with what it builds.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) fn main(args: &Args) -> Result<()> {
    let Args { packages, only, publish } = args;
    let packages = if packages.is_empty() { PACKAGES.to_vec() } else { packages.clone() };
    copy::refresh()?;
    let mut missed = Vec::new();
    for package in packages {
        let outcomes = match only {
            Some(regex) => {
                let folder = workspace::path("target/mutants").join(package.name).join("only");
                tool::run(&folder, &["--package", package.name, "--re", regex], None)?
            }
            None => all(package)?,
        };
        println!("{}: {outcomes}", package.name);
        if *publish {
            table::write(package.name, &outcomes)?;
        }
        missed.extend(outcomes.missed);
    }
    refuse(&missed)
}

/// Tests all mutants of a package, but for the shards that were tested before.
fn all(package: Package) -> Result<Outcomes> {
    let shards = Shard::all(package)?;
    let mut sum = Outcomes::default();
    let mut is_known_good = false;
    for shard in &shards {
        let outcomes = match shard.kept()? {
            Some(kept) => kept,
            None => shard.run(std::mem::replace(&mut is_known_good, true))?,
        };
        sum.add(outcomes);
        eprintln!("{}, {} of {} shards: {sum}", package.name, shard.number, shards.len());
    }
    Ok(sum)
}

/// The mutants of what the last change touches, as far as the time suffices.
///
/// # Errors
/// When cargo-mutants does not work, a test fails without a mutant, or no test notices a mutant.
pub(crate) fn test(report: &mut Report) -> Result<()> {
    let Some(diff) = change::diff(&PACKAGES.map(|package| package.folder))? else {
        report.skip("all: git knows no commit to compare with");
        return Ok(());
    };
    if diff.is_empty() {
        report.skip("all: the last change touches none of the packages");
        return Ok(());
    }
    if !setup::has_cargo_mutants() {
        report.skip("all: cargo-mutants is not here; `cargo xtask setup` installs it");
        return Ok(());
    }
    let start = Instant::now();
    copy::refresh()?;
    let folder = workspace::path("target/mutants/change");
    fs::create_dir_all(&folder)?;
    let file = folder.join("diff");
    fs::write(&file, diff)?;
    let file = file.display().to_string();
    let packages = PACKAGES.iter().flat_map(|package| ["--package", package.name]);
    // Without a mutant the part `host` runs all tests.
    let options: Vec<_> = packages.chain(["--in-diff", &file]).collect();
    let mutants = tool::list(&options)?;
    if mutants.is_empty() {
        report.skip("all: the last change touches no code that has mutants");
        return Ok(());
    }
    let outcomes = tool::run(
        &folder,
        &[&options[..], &["--baseline", "skip"]].concat(),
        Some(LIMIT.saturating_sub(start.elapsed())),
    )?;
    eprintln!("{outcomes}");
    report.count(outcomes.noticed());
    let not_reached: Vec<_> = mutants.iter().filter(|name| !outcomes.has(name)).map(String::as_str).collect();
    if !not_reached.is_empty() {
        report.skip(format!("{} mutants, for want of time: {}", not_reached.len(), not_reached.join(", ")));
    }
    refuse(&outcomes.missed)
}

fn refuse(missed: &[String]) -> Result<()> {
    if missed.is_empty() {
        return Ok(());
    }
    bail!("no test notices {} mutants:\n  {}", missed.len(), missed.join("\n  "))
}
