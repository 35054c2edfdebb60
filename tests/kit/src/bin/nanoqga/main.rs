//! `nanoqga`: talks to guest agents, and boots kernels, for people and scripts. One file per subcommand.

mod bar;
mod exec;
mod info;
mod ping;
mod pull;
mod push;
mod raw;
mod reports;
mod run_elf;
mod shell;
mod shutdown;
mod status;
mod target;
mod test;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use self::status::Status;
use self::target::Target;

/// Talk to the guest agent in a virtual machine, whichever it is (nanoqga, qemu-ga, another); boot kernels and run their tests
#[derive(Debug, Parser)]
#[command(
    name = "nanoqga",
    version,
    disable_help_subcommand = true,
    max_term_width = 120,
    after_help = "--help says more, also after a subcommand.",
    after_long_help = "\
Where the agent is found:
  A guest of your own gets a socket by these arguments of QEMU's; then it is `--socket agent.sock`:
    -chardev socket,id=agent,path=agent.sock,server=on,wait=off -device virtio-serial
    -device virtserialport,chardev=agent,name=org.qemu.guest_agent.0
  A domain of libvirt's is named as virsh names it: `--libvirt web-1`. LIBVIRT_DEFAULT_URI says which libvirt.
  An agent that listens at a vsock port of a guest: `--vsock 3:1234`.

Examples:
  nanoqga --socket agent.sock info
  nanoqga --libvirt web-1 exec -- uname -a
  tar c site | nanoqga --libvirt web-1 push - /tmp/site.tar
  nanoqga --socket agent.sock raw '{\"execute\": \"guest-get-fsinfo\"}'

Exit status:
  0 to 255  of `exec`: the program's; 128 and its number if a signal ended it
  124       the time limit has passed
  125       something else went wrong: the agent refused, a file cannot be read, the command line makes no sense
  255       the guest was lost: its end of the channel was closed, or it restarted"
)]
struct CommandLine {
    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    subcommand: Subcommand,
}

/// Each is described where its arguments are.
#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    Ping(ping::Args),
    Info(info::Args),
    Exec(exec::Args),
    Push(push::Args),
    Pull(pull::Args),
    Shutdown(shutdown::Args),
    Raw(raw::Args),
    Shell(shell::Args),
    Test(test::Args),
    RunElf(run_elf::Args),
}

impl CommandLine {
    fn run(self) -> anyhow::Result<ExitCode> {
        let Self { target, json, subcommand } = self;
        let status = match subcommand {
            Subcommand::Ping(_) => ping::main(&target, json),
            Subcommand::Info(_) => info::main(&target, json),
            Subcommand::Exec(args) => exec::main(&target, json, &args),
            Subcommand::Push(args) => push::main(&target, json, &args),
            Subcommand::Pull(args) => pull::main(&target, json, &args),
            Subcommand::Shutdown(args) => shutdown::main(&target, json, &args),
            Subcommand::Raw(args) => raw::main(&target, &args),
            Subcommand::Shell(_) => shell::main(&target),
            Subcommand::Test(args) => return test::main(&target, &args),
            Subcommand::RunElf(args) => return run_elf::main(args),
        };
        status.map(ExitCode::from)
    }
}

fn main() -> ExitCode {
    match CommandLine::try_parse() {
        Ok(line) => line.run().unwrap_or_else(|error| {
            eprintln!("nanoqga: {error:#}");
            Status::of(&error).into()
        }),
        Err(usage) => {
            // Nobody is left to be told that it cannot be printed.
            let _ = usage.print();
            match usage.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Status::Done.into(),
                _ => Status::Failed.into(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from(["nanoqga"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn clap_finds_nothing_wrong() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn these_command_lines_make_sense() {
        for line in [
            "--socket agent.sock ping",
            "ping --socket agent.sock --json",
            "--libvirt web-1 --timeout 2.5 info",
            "--vsock 3:1234 exec -- ls -l --json",
            "--vsock 3:1234 exec ls -l",
            "--socket s exec --env A=1 --env B=2 -- env",
            "--socket s push a b",
            "--socket s push - b",
            "--socket s pull a -",
            "--socket s shutdown --mode reboot",
            "--socket s raw {}",
            "--socket s shell",
            "--socket s test mm:: --skip oom",
            "run-elf kernel --list --format terse",
        ] {
            assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
        }
    }

    #[test]
    fn what_stands_behind_two_dashes_is_the_programs() {
        let Subcommand::Exec(args) = parse("--socket s exec -- ls --json -- -l").unwrap().subcommand else {
            panic!("it is no exec");
        };
        assert_eq!(args.words, ["ls", "--json", "--", "-l"]);
    }

    #[test]
    fn these_make_none() {
        for line in [
            "",
            "walk",
            "--socket a --libvirt b ping",
            "--vsock 3 ping",
            "--timeout 0 ping",
            "--timeout -1 ping",
            "--timeout soon ping",
            "--socket s exec",
            "--socket s push a",
            "--socket s shutdown --mode sideways",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
