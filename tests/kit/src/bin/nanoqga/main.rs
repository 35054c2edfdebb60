//! `nanoqga`: guests' agents at a terminal.

mod run_elf;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What this program ends with when it fails itself.
const OWN_FAILURE: u8 = 125;

/// Boot kernels, and run the tests in them
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    RunElf(run_elf::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::RunElf(args) => run_elf::main(args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(OWN_FAILURE)
    })
}
