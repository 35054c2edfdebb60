//! Build, boot, test and measure nanoqga.
//!
//! One file per subcommand, and the parts they share. What boots guests and talks to them is in `nanoqga-testkit`.

use std::process::ExitCode;

use anyhow::Result;

mod apt;
mod attack;
mod bench;
mod boot_disk;
mod capi;
mod fuzz;
mod image;
mod options;
mod packages;
mod prompt;
mod proofs;
mod record;
mod run;
mod setup;
mod size;
mod structure;
mod targets;
mod test;
mod toolchain;
mod tour;
mod workspace;

use options::{Argument, Options, Usage};

const HELP: &str = "\
nanoqga: a QEMU guest agent with no operating system under it

cargo xtask run      boot the image and talk to the agent in it
cargo xtask test     lints, proofs, host tests, and the image under QEMU and libvirt
cargo xtask image    build the image and print its path
cargo xtask attack   attack the agent as hosts and devices could, for an hour or two
cargo xtask capi     build the library for kernels written in C
cargo xtask fuzz     feed the engine with any bytes at all
cargo xtask bench    measure guests, agents and engine beside what else there is
cargo xtask record   record the reference conversations from the newest qemu-ga
cargo xtask size     measure image and engine against their bars
cargo xtask setup    install what the others need

--help after any of them says more.
";

/// A subcommand: its name, its help, and what it does with the rest of the command line.
struct Subcommand {
    name: &'static str,
    help: fn() -> String,
    main: fn(Options) -> Result<()>,
}

const SUBCOMMANDS: [Subcommand; 10] = [
    Subcommand { name: "run", help: run::help, main: run::main },
    Subcommand { name: "test", help: test::help, main: test::main },
    Subcommand { name: "image", help: image::help, main: image::main },
    Subcommand { name: "attack", help: || attack::HELP.into(), main: attack::main },
    Subcommand { name: "capi", help: || capi::HELP.into(), main: capi::main },
    Subcommand { name: "fuzz", help: || fuzz::HELP.into(), main: fuzz::main },
    Subcommand { name: "bench", help: || bench::HELP.into(), main: bench::main },
    Subcommand { name: "record", help: || record::HELP.into(), main: record::main },
    Subcommand { name: "size", help: || size::HELP.into(), main: size::main },
    Subcommand { name: "setup", help: || setup::HELP.into(), main: setup::main },
];

/// The program. Its status is 0 when all went well, 1 when something failed, 2 when the command line makes no sense.
pub fn main() -> ExitCode {
    let Err(error) = dispatch(Options::from_env()) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error:#}");
    if error.is::<Usage>() {
        eprintln!("`cargo xtask --help` shows what there is.");
        return ExitCode::from(2);
    }
    ExitCode::FAILURE
}

fn dispatch(mut options: Options) -> Result<()> {
    let name = match options.argument()? {
        None => return Err(Usage::new("no subcommand was given").into()),
        Some(Argument::Option(name)) if name == "help" => {
            print!("{HELP}");
            return Ok(());
        }
        Some(Argument::Word(word)) => word,
        Some(other) => return Err(other.unexpected()),
    };
    let Some(subcommand) = SUBCOMMANDS.iter().find(|subcommand| subcommand.name == name) else {
        return Err(Usage::new(format!("there is no subcommand '{name}'")).into());
    };
    if options.asks_for_help() {
        print!("{}", (subcommand.help)());
        return Ok(());
    }
    (subcommand.main)(options)
}
