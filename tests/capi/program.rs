//! Programs of this host under valgrind: the C kernel, and one that uses the library wrongly.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::run;
use tests::booted::{resynchronise, soon, synchronise, transcript};
use tests::recorded::hold_all;

use crate::built;

fn valgrind(program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=all"]).arg(program);
    command
}

/// A program whose agent's port is stdin and stdout.
pub struct Serving(Child);

impl Serving {
    /// Starts it under valgrind; gives it and its host's end of the port.
    pub fn start(program: &Path) -> Result<(Self, Client)> {
        let folder = PrivateFolder::new()?;
        let path = folder.path().join("port");
        let listener = UnixListener::bind(&path)?;
        let agent = Client::connect(&path, soon())?;
        let port = OwnedFd::from(listener.accept()?.0);
        let program = valgrind(program).stdin(port.try_clone()?).stdout(Stdio::from(port)).spawn()?;
        Ok((Self(program), agent))
    }

    /// Waits for its end, at which valgrind says whether it found something.
    pub fn end(mut self) -> Result<()> {
        let status = soon().poll("the end of the program", || Ok(self.0.try_wait()?))?;
        ensure!(status.success(), "{status}");
        Ok(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_kernel_as_a_program_answers_as_recorded() -> Result<()> {
    let (program, mut agent) = Serving::start(&built::kernel_as_program()?)?;
    hold_all(&mut agent)?;
    agent.send(br#"{"execute":"guest-sync","arguments":{"id":"#, soon())?;
    ensure!(resynchronise(&mut agent, 5)?.len() == 1);
    transcript(
        &mut agent,
        &[
            (r#"{"execute":"guest-get-host-name"}"#, r#"{"return": {"host-name":"c-kernel-1"}}"#),
            (r#"{"execute":"example-count"}"#, r#"{"return": 1}"#),
            (r#"{"execute":"example-echo","arguments":{"a":"\ud83d\ude00"}}"#, r#"{"return": {"a":"\uD83D\uDE00"}}"#),
            (
                r#"{"execute":"guest-get-vcpus"}"#,
                r#"{"error": {"class": "CommandNotFound", "desc": "The command guest-get-vcpus has not been found"}}"#,
            ),
        ],
    )?;
    // The longest reply that fits the room of the kernel's memory goes out in pieces; a longer one is an error.
    for (length, fits) in [(1200, true), (3000, false)] {
        let text = "é".repeat(length / 2);
        let reply =
            agent.request(&format!(r#"{{"execute":"example-echo","arguments":{{"a":"{text}"}}}}"#), soon())?.json()?;
        ensure!((reply["return"]["a"] == *text) == fits, "{length}: {reply}");
    }
    synchronise(&mut agent, 6)?;
    agent.send(br#"{"execute":"guest-shutdown"}"#, soon())?;
    program.end()
}

#[test]
fn wrong_use_gets_errors_and_does_no_harm() -> Result<()> {
    run(&mut valgrind(&built::program("wrong_use.c")?), SOON)
}
