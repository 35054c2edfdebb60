//! `cargo xtask docs`: writes docs/commands.md from what the sources say of each command, and builds the book.

pub(crate) mod book;
mod commands;
mod screen;
mod source;

use std::env;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nanoqga_testkit::process::run;
use nanoqga_testkit::progress::step;

use self::screen::Recording;
use crate::workspace::{self, in_workspace};

const LIMIT: Duration = Duration::from_secs(60);
const BUILD: Duration = Duration::from_secs(900);
const PAGE: &str = "docs/commands.md";

/// Write docs/commands.md anew, and build the book of all pages.
///
/// The page says of each command what it does, its arguments, what it returns, and which guests answer it. All of it is read from the
/// comments of the functions that answer them, and from the guests' lists of commands. The book has the pages of docs/SUMMARY.md; mdBook
/// is installed if it is missing. The path of its first page is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Open the book in a browser
    #[arg(long)]
    open: bool,
    /// Write docs/commands.md and no book
    #[arg(long, conflicts_with = "open")]
    commands: bool,
    /// First record the terminals that the pages show, anew: `cargo xtask run`, and a kernel's `cargo test`
    #[arg(long, conflicts_with = "commands")]
    screens: bool,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let file = workspace::path(PAGE);
    fs::write(&file, commands::page()?).with_context(|| format!("cannot write {}", file.display()))?;
    if args.commands {
        println!("{}", file.display());
        return Ok(());
    }
    if args.screens {
        record()?;
    }
    let book = book::build()?;
    println!("{}", book.display());
    if args.open {
        run(Command::new("xdg-open").arg(&book), LIMIT).context("the book could not be opened; open the path above")?;
    }
    Ok(())
}

/// Records the terminals of docs/pictures. What is run must have been built, so that the pictures do not show that.
fn record() -> Result<()> {
    let program = |name| workspace::path("target/debug").join(name);
    run(
        Command::new("cargo")
            .args(["build", "--quiet", "--package", "nanoqga-testkit"])
            .current_dir(workspace::path("")),
        BUILD,
    )?;
    let mut asked = Command::new("cargo");
    in_workspace(asked.args(["xtask", "run"]));
    let mut tested = Command::new("cargo");
    let path = format!("{}:{}", program("").display(), env::var("PATH").unwrap_or_default());
    tested
        .args(["test", "--quiet", "--target-dir"])
        .arg(workspace::path("target/kernels/new-kernel"))
        .env("PATH", path);
    tested.current_dir(workspace::path("tests/kit/examples/new-kernel/kernel")).stderr(Stdio::null());
    for (command, typed, name) in [(&mut asked, "cargo xtask run", "run"), (&mut tested, "cargo test", "test")] {
        // Once for what has to be built.
        step(&format!("Running {typed}"), || Recording::of(command, typed))?;
        let recording = step(&format!("Recording {typed}"), || Recording::of(command, typed))?;
        fs::write(workspace::path("docs/pictures").join(format!("{name}.svg")), recording.svg())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_commands_is_what_would_be_written() {
        let shown = fs::read_to_string(workspace::path(PAGE)).unwrap_or_default();
        assert!(shown == commands::page().unwrap(), "{PAGE} is old: write it anew with `cargo xtask docs --commands`");
    }
}
