//! `cargo xtask docs`: writes docs/commands.md from what the sources say of each command, and builds the book.

mod book;
mod commands;
mod source;

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nanoqga_testkit::process::run;

use crate::workspace;

const LIMIT: Duration = Duration::from_secs(60);
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
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let file = workspace::path(PAGE);
    fs::write(&file, commands::page()?).with_context(|| format!("cannot write {}", file.display()))?;
    if args.commands {
        println!("{}", file.display());
        return Ok(());
    }
    let book = book::build()?;
    println!("{}", book.display());
    if args.open {
        run(Command::new("xdg-open").arg(&book), LIMIT).context("the book could not be opened; open the path above")?;
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
