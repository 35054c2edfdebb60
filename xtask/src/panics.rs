//! `cargo xtask panics`: where the appliance may still panic. `targets/appliance/panics.txt` has the list, which may only shrink.
//!
//! Every panic that tells its place has a `core::panic::Location` in the image, unless nothing reaches it: then the linker has
//! left it out. So the image itself says what is reachable.

mod counts;
mod location;

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use self::counts::Counts;
use self::location::Location;
use crate::image::{self, APPLIANCE};
use crate::targets;
use crate::test::Report;
use crate::workspace;

/// Show where the appliance may still panic.
///
/// Builds the appliance for each architecture and prints every place in the sources that can panic in it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write the list of these places anew, which `cargo xtask test panics` holds images against
    #[arg(long)]
    write: bool,
}

const LIST: &str = "targets/appliance/panics.txt";

/// Sees to it that the images have no more places than the list says, nor fewer.
pub(crate) fn test(report: &mut Report) -> Result<()> {
    report.check(|| {
        let (listed, found) = (Counts::parse(&fs::read_to_string(workspace::path(LIST))?)?, count(|_, _| {})?);
        let (more, less) = (found.beyond(&listed), listed.beyond(&found));
        if !more.is_empty() {
            bail!(
                "more can panic in the appliance than {LIST} allows. `cargo xtask panics` shows each place:\n{}",
                more.join("\n")
            );
        }
        ensure!(
            less.is_empty(),
            "less can panic in the appliance than {LIST} says. `cargo xtask panics --write` takes out:\n{}",
            less.join("\n")
        );
        Ok(())
    })
}

/// Prints each place, and writes the list anew if that is asked for.
pub(crate) fn main(args: &Args) -> Result<()> {
    let counts = count(|target, location| println!("{target}: {location}"))?;
    if args.write {
        fs::write(workspace::path(LIST), counts.to_string())?;
    }
    Ok(())
}

/// Counts the places in the image of each target, and hands each to `see`.
fn count(mut see: impl FnMut(&str, &Location)) -> Result<Counts> {
    let targets = targets::targets();
    let mut counts = Counts::of(targets.len());
    for (column, target) in targets.into_iter().enumerate() {
        let image = image::build(target, &APPLIANCE)?;
        for location in location::all(&fs::read(&image)?).with_context(|| image.display().to_string())? {
            see(target, &location);
            counts.add(&location.file, column);
        }
    }
    Ok(counts)
}
