//! Build, boot, test and measure nanoqga.
//!
//! One file per subcommand, and the parts they share. What boots guests and talks to them is in `nanoqga-testkit`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};

mod apt;
mod at_once;
mod attack;
mod bench;
mod boot_disk;
mod capi;
mod completions;
mod dist;
mod docs;
mod fuzz;
mod image;
mod kernels;
mod mutants;
mod nightly;
mod packages;
mod panics;
mod proofs;
mod record;
mod run;
mod setup;
mod size;
mod soak;
mod structure;
mod supply;
mod targets;
mod test;
mod toolchain;
mod tour;
mod usage;
mod workspace;

/// nanoqga: a QEMU guest agent with no operating system under it.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo xtask",
    disable_help_subcommand = true,
    max_term_width = 120,
    after_help = "--help after any of them says more."
)]
struct CommandLine {
    #[command(subcommand)]
    subcommand: Subcommand,
}

/// Each is described where its arguments are.
#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    Run(run::Args),
    Test(test::Args),
    Image(image::Args),
    Attack(attack::Args),
    Soak(soak::Args),
    Dist(dist::Args),
    Docs(docs::Args),
    Capi(capi::Args),
    Fuzz(fuzz::Args),
    Mutants(mutants::Args),
    Bench(bench::Args),
    Kernels(kernels::Args),
    Panics(panics::Args),
    Record(record::Args),
    Size(size::Args),
    Setup(setup::Args),
    Completions(completions::Args),
}

/// The program. Its status is 0 when all went well, 1 when something failed, 2 when the command line makes no sense.
pub fn main() -> ExitCode {
    let Err(error) = CommandLine::parse().subcommand.run() else {
        return ExitCode::SUCCESS;
    };
    match error.downcast::<clap::Error>() {
        Ok(usage) => usage.exit(),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Subcommand {
    fn run(self) -> Result<()> {
        match self {
            Self::Run(args) => run::main(&args),
            Self::Test(args) => test::main(&args),
            Self::Image(args) => image::main(args),
            Self::Attack(args) => attack::main(&args),
            Self::Soak(args) => soak::main(&args),
            Self::Dist(args) => dist::main(args),
            Self::Docs(args) => docs::main(&args),
            Self::Capi(args) => capi::main(&args),
            Self::Fuzz(args) => fuzz::main(&args),
            Self::Mutants(args) => mutants::main(&args),
            Self::Bench(args) => bench::main(&args),
            Self::Kernels(args) => kernels::main(&args),
            Self::Panics(args) => panics::main(&args),
            Self::Record(_) => record::main(),
            Self::Size(_) => size::main(),
            Self::Setup(_) => setup::main(),
            Self::Completions(args) => {
                completions::main(&args, CommandLine::command());
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from(["xtask"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn clap_finds_nothing_wrong() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn these_command_lines_make_sense() {
        for line in [
            "run",
            "run --machine linux --channel uart --interactive",
            "run --profile appliance",
            "test",
            "test all",
            "test --list",
            "test qemu linux",
            "test --machine aarch64-virt",
            "image --machine q35 --profile crash",
            "image --machine pc --elf a --format qcow2 --append --quiet --output b",
            "image --machine linux --arch armv7",
            "dist",
            "docs --open",
            "docs --commands",
            "dist --arch x86_64 --arch s390x --output a",
            "attack --seed 7 --seconds 60 q35_virtio::floods linux::",
            "soak --hours 2",
            "soak --minutes 20 --seed 7 q35 linux",
            "capi --target x86_64-unknown-none",
            "capi --kernel host",
            "capi --program a.c",
            "capi --header",
            "fuzz --seconds 600 agent virtio_serial",
            "fuzz --seed",
            "mutants nanoqga storage --publish",
            "mutants network --only dhcp",
            "bench guests linux --quick --check",
            "bench engine",
            "bench --render --publish",
            "bench --echo socket",
            "kernels --build cortex-m-polled",
            "panics --write",
            "record",
            "size",
            "setup",
            "completions zsh",
        ] {
            assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
        }
    }

    #[test]
    fn others_are_refused_with_status_2() {
        for line in [
            "",
            "walk",
            "run --machine vax",
            "run --channel pigeon",
            "run now",
            "test nothing",
            "test qemu --machine q35",
            "image",
            "image --machine q35 --profile giant",
            "image --machine q35 --format vhd",
            "capi",
            "capi --header --kernel q35",
            "capi --kernel vax",
            "fuzz nothing",
            "fuzz --seconds soon",
            "mutants xtask",
            "mutants --only dhcp --publish",
            "bench --render --quick",
            "bench --render linux",
            "size --all",
            "soak",
            "completions dos",
        ] {
            let error = parse(line).map(|parsed| panic!("{line}: {parsed:?}")).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn what_only_parses_is_refused_with_status_2() {
        for line in [
            "image --machine q35 --append hostname=a",
            "image --machine linux --profile nano",
            "image --machine q35 --arch armv7",
            "image --machine microvm --format raw",
        ] {
            let error = parse(line).unwrap().subcommand.run().unwrap_err();
            assert_eq!(error.downcast::<clap::Error>().unwrap().exit_code(), 2, "{line}");
        }
    }
}
