//! `cargo xtask completions`: what a shell completes command lines with.

use std::io::stdout;

use clap::Command;
use clap_complete::{Shell, generate};

/// The word that is completed. Shells leave the words after `cargo` to cargo.
const ALIAS: &str = "xtask";

/// Print a script by which a shell completes these command lines.
///
/// It completes the word `xtask`, so make that an alias of `cargo xtask`. For bash:
/// `alias xtask='cargo xtask'; source <(cargo xtask completions bash)`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn main(args: &Args, mut command_line: Command) {
    generate(args.shell, &mut command_line, ALIAS, &mut stdout());
}
