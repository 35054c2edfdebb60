//! `cargo xtask docs`: writes docs/commands.md from what the sources say of each command.

mod commands;
mod source;

use std::fs;

use anyhow::{Context, Result};

use crate::workspace;

const PAGE: &str = "docs/commands.md";

/// Write docs/commands.md anew.
///
/// The page says of each command what it does, its arguments, what it returns, and which guests answer it. All of it is read from the
/// comments of the functions that answer them, and from the guests' lists of commands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn main() -> Result<()> {
    let file = workspace::path(PAGE);
    fs::write(&file, commands::page()?).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{}", file.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_commands_is_what_would_be_written() {
        let shown = fs::read_to_string(workspace::path(PAGE)).unwrap_or_default();
        assert!(shown == commands::page().unwrap(), "{PAGE} is old: write it anew with `cargo xtask docs`");
    }
}
