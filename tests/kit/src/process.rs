//! Programs run to their end, with a time limit that only a hang reaches: [`Deadline::patient`].

use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::deadline::{Deadline, SOON};

/// Runs `command` with our own terminal. It must succeed within `limit`.
///
/// # Errors
/// When it cannot start, fails, or takes longer; it is killed then.
pub fn run(command: &mut Command, limit: Duration) -> Result<()> {
    let line = shown(command);
    let mut child = command.spawn().with_context(|| format!("cannot start `{line}`"))?;
    let status = wait(&mut child, &line, Deadline::patient(limit))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs `command` and gives what it wrote to stdout, once it has succeeded within `limit`. Stderr stays ours.
///
/// # Errors
/// As [`run`], and when the output is not UTF-8.
pub fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let (status, text) = finish(command, limit)?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(text)
}

/// What tells cargo, or the compiler that it runs, that it is run by another cargo, and to build as that does.
const OF_ANOTHER_CARGO: [&str; 7] = [
    "CARGO",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// Has cargo or rustup do in its folder what that says, and not what a cargo says that we may run under.
pub fn on_its_own(command: &mut Command) -> &mut Command {
    OF_ANOTHER_CARGO.iter().for_each(|variable| _ = command.env_remove(variable));
    command
}

/// Runs `command` to its end within `limit` and gives its status and its stdout, whatever the status.
///
/// # Errors
/// When it cannot start, takes longer (it is killed then), or writes something that is not UTF-8.
pub fn finish(command: &mut Command, limit: Duration) -> Result<(ExitStatus, String)> {
    finish_with(command, limit, |_| {})
}

/// As [`finish`], and shows each line of stdout on ours as it comes.
///
/// # Errors
/// As [`finish`].
pub fn finish_showing(command: &mut Command, limit: Duration) -> Result<(ExitStatus, String)> {
    finish_with(command, limit, |line| print!("{line}"))
}

fn finish_with(command: &mut Command, limit: Duration, show: fn(&str)) -> Result<(ExitStatus, String)> {
    let line = shown(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    let mut stdout = BufReader::new(child.stdout.take().context("a piped child has a stdout")?);
    // Read beside the wait, or a child with much to say would block on a full pipe.
    let reader = thread::spawn(move || {
        let mut text = String::new();
        loop {
            let start = text.len();
            if stdout.read_line(&mut text)? == 0 {
                return io::Result::Ok(text);
            }
            show(&text[start..]);
        }
    });
    let status = wait(&mut child, &line, Deadline::patient(limit))?;
    let text = reader.join().map_err(|_| anyhow!("reading from `{line}` failed"))??;
    Ok((status, text))
}

/// Where in PATH a program lies, if it does. Also looked for where Debian keeps programs meant for root.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let root_only = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(root_only).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Whether we may install packages and start system services.
pub fn is_root() -> bool {
    output(Command::new("id").arg("-u"), SOON).is_ok_and(|uid| uid.trim() == "0")
}

fn wait(child: &mut Child, line: &str, deadline: Deadline) -> Result<ExitStatus> {
    let waited = deadline.poll(&format!("the end of `{line}`"), || Ok(child.try_wait()?));
    if waited.is_err() {
        // It may have ended by itself in this moment; either way it is gone after this.
        let _ = child.kill();
        let _ = child.wait();
    }
    waited
}

/// The command line, for messages.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_gives_stdout() {
        assert_eq!(output(Command::new("echo").arg("hello"), SOON).unwrap(), "hello\n");
    }

    #[test]
    fn a_failing_program_is_named_with_its_status() {
        let error = run(&mut Command::new("false"), SOON).unwrap_err();
        assert_eq!(error.to_string(), "`false` failed (exit status: 1)");
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let mut child = Command::new("sleep").arg("infinity").spawn().unwrap();
        let error = wait(&mut child, "sleep", Deadline::after(Duration::from_millis(50))).unwrap_err();
        assert_eq!(error.to_string(), "the end of `sleep`: not within 0.1 s");
        assert!(child.try_wait().unwrap().is_some_and(|status| !status.success()));
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = run(&mut Command::new("no-such-program"), SOON).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
    }
}
