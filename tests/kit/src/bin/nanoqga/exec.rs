//! `nanoqga exec`

use std::io::{ErrorKind, IsTerminal, Read, Write, stderr, stdin, stdout};

use anyhow::{Context, Result, bail};
use nanoqga_testkit::exec::{End, Outcome, Program, run};
use serde_json::{Map, Value};

use crate::status::Status;
use crate::target::Target;

/// The most that goes into one request, in bytes: 64 MiB of base64.
const LONGEST_INPUT: u64 = 48 << 20;

/// Run a program in the guest
///
/// It gets stdin, unless that is a terminal, and what it writes is printed when it has ended, because agents give it out then.
/// The exit status is the program's. With --timeout it may run that long; it goes on running in the guest afterwards. With
/// --json, bytes of its output that are not UTF-8 are replaced.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: the program's; 128 and its number if a signal ended it; 124, 125 and 255 as of all."
)]
pub(crate) struct Args {
    /// Set a variable of its environment, which is otherwise the agent's; with it, it has these alone
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<String>,
    /// Give it no stdin
    #[arg(long)]
    no_stdin: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    pub(crate) words: Vec<String>,
}

pub(crate) fn main(target: &Target, json: bool, args: &Args) -> Result<Status> {
    let (path, arguments) = args.words.split_first().context("clap demands a program")?;
    let input = if args.no_stdin || stdin().is_terminal() { Vec::new() } else { input()? };
    let program = Program { path, arguments, environment: &args.env, input: &input };
    let outcome = run(&mut target.agent()?, &program)?;
    if json {
        writeln!(stdout(), "{}", as_json(&outcome))?;
    } else {
        print(&mut stdout(), &outcome.stdout)?;
        print(&mut stderr(), &outcome.stderr)?;
        if outcome.truncated {
            eprintln!("nanoqga: the agent has dropped a part of the output");
        }
    }
    Ok(Status::Program(status(outcome.end)))
}

/// Prints to whoever reads; one that has read enough is no failure of the program's.
fn print(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.context("cannot print what the program wrote"),
    }
}

fn input() -> Result<Vec<u8>> {
    let mut input = Vec::new();
    stdin().take(LONGEST_INPUT + 1).read_to_end(&mut input).context("cannot read stdin")?;
    if input.len() as u64 > LONGEST_INPUT {
        bail!("stdin has more than the {LONGEST_INPUT} bytes that one request may have: push a file");
    }
    Ok(input)
}

/// As shells have it.
fn status(end: End) -> u8 {
    let number = match end {
        End::Exited(code) => code,
        End::Killed(signal) => signal.saturating_add(128),
    };
    // Windows has statuses beyond that of a Linux program.
    number.to_le_bytes()[0].max(u8::from(number != 0))
}

fn as_json(outcome: &Outcome) -> Value {
    let mut members = Map::new();
    match outcome.end {
        End::Exited(code) => members.insert("exit-code".into(), code.into()),
        End::Killed(signal) => members.insert("signal".into(), signal.into()),
    };
    for (name, bytes) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
        members.insert(name.into(), String::from_utf8_lossy(bytes).into());
    }
    members.insert("truncated".into(), outcome.truncated.into());
    members.into()
}

fn variable(text: &str) -> Result<String> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(text.into()),
        _ => bail!("it is not NAME=VALUE, as in LANG=C"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_failed_never_counts_as_one_that_succeeded() {
        assert_eq!(status(End::Exited(0)), 0);
        assert_eq!(status(End::Exited(3)), 3);
        assert_eq!(status(End::Exited(256)), 1);
        assert_eq!(status(End::Exited(-1)), 255);
        assert_eq!(status(End::Killed(9)), 137);
        assert_eq!(status(End::Killed(i64::MAX)), 255);
    }
}
