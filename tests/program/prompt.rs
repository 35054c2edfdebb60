//! The prompt and the progress bar: lines from a pipe, and a person at a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::machine::Channel;
use nix::pty::{Winsize, openpty};
use tests::booted::config;
use tests::soon;

use crate::agents::{Agent, with_both};
use crate::run::{Killed, command, run_with};

with_both![lines_from_a_pipe_are_commands, tab_completes_the_agents_own_commands, a_copy_shows_how_far_it_is];

fn lines_from_a_pipe_are_commands(agent: &Agent) -> Result<()> {
    let said = agent.nanoqga_with(&["shell"], "sync id=5\nsync 5\nbogus\nhelp\nquit\nping\n")?.ok()?;
    for text in ["\n  <- {\"return\": 5}\n  '5' is not key=value\n", "CommandNotFound", "\n  guest-exec-status\n"] {
        ensure!(said.stdout.contains(text), "{text} is not in {said:?}");
    }
    ensure!(!said.stdout.contains("-> {\"execute\": \"guest-ping\"}"), "it went on after quit: {said:?}");
    Ok(())
}

/// A person at a terminal.
struct Person {
    program: Killed,
    terminal: File,
    shown: Arc<Mutex<String>>,
}

impl Person {
    fn at(arguments: &[&str]) -> Result<Self> {
        let size = Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None)?;
        let mut command = command(arguments)?;
        command.env("TERM", "xterm").stdin(pair.slave.try_clone()?).stdout(pair.slave.try_clone()?).stderr(pair.slave);
        let program = Killed(command.spawn()?);
        // The other ends of the terminal are the child's alone from here on.
        drop(command);
        let terminal = File::from(pair.master);
        let (mut reader, shown) = (terminal.try_clone()?, Arc::new(Mutex::new(String::new())));
        let kept = Arc::clone(&shown);
        thread::spawn(move || {
            let mut piece = [0; 4096];
            // The terminal's end is an error.
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..count]);
                kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        Ok(Self { program, terminal, shown })
    }

    fn types(&mut self, keys: &str) -> Result<()> {
        Ok(self.terminal.write_all(keys.as_bytes())?)
    }

    /// Waits until the terminal shows a text, and forgets all up to its end.
    fn sees(&self, text: &str) -> Result<()> {
        soon()
            .poll(&format!("'{text}' on the terminal"), || {
                let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
                let end = shown.find(text).map(|at| at + text.len());
                Ok(end.map(|end| _ = shown.drain(..end)))
            })
            .with_context(|| self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn ends_with(&mut self, status: i32) -> Result<()> {
        let ended = soon().poll("the end of the program", || Ok(self.program.0.try_wait()?))?;
        ensure!(ended.code() == Some(status), "{ended}");
        Ok(())
    }
}

fn tab_completes_the_agents_own_commands(agent: &Agent) -> Result<()> {
    let mut person = Person::at(&["--socket", agent.socket(), "shell"])?;
    person.sees("nanoqga> ")?;
    person.types("get-host\t")?;
    person.sees("get-host-name")?;
    person.types("\r")?;
    person.sees("-> {\"execute\": \"guest-get-host-name\"}")?;
    person.sees("<- {\"return\": {\"host-name\":")?;
    person.sees("nanoqga> ")?;
    // An earlier line comes back.
    person.types("\x1b[A\r")?;
    person.sees("<- {\"return\": {\"host-name\":")?;
    person.sees("nanoqga> ")?;
    // Ctrl-C drops what was typed, Ctrl-D leaves.
    person.types("bog")?;
    person.sees("bog")?;
    person.types("\x03")?;
    person.sees("nanoqga> ")?;
    person.types("ping\r")?;
    person.sees("-> {\"execute\": \"guest-ping\"}")?;
    person.sees("nanoqga> ")?;
    person.types("\x04")?;
    person.ends_with(0)
}

fn a_copy_shows_how_far_it_is(agent: &Agent) -> Result<()> {
    let source = agent.path("source");
    File::create(&source)?.set_len(16 << 20)?;
    let [from, to] = [source, agent.path("inside")].map(|path| path.display().to_string());
    let mut person = Person::at(&["--socket", agent.socket(), "push", &from, &to])?;
    person.sees(" MiB of 16.00 MiB, ")?;
    person.sees("16.00 MiB in ")?;
    person.ends_with(0)
}

/// A guest that goes down ends the prompt.
#[test]
fn the_prompt_ends_with_a_guest_that_was_switched_off() -> Result<()> {
    let mut guest = nanoqga_testkit::guest::Guest::start(&config("q35", Channel::Virtio)?)?;
    let socket = guest.folder().join("agent0.sock");
    soon().poll("QEMU's socket", || Ok(socket.exists().then_some(())))?;
    let lines = guest.folder().join("lines");
    std::fs::write(&lines, "ping\nshutdown\nping\n")?;
    let said = run_with(&["--socket", &socket.display().to_string(), "shell"], &lines)?.ok()?;
    ensure!(said.stdout.ends_with("-> {\"execute\": \"guest-shutdown\"}\n  The guest has gone.\n"), "{said:?}");
    guest.wait(soon()).map(drop)
}
