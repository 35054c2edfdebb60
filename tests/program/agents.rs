//! Both agents as programs of this host, and what they are asked alike.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::folder::PrivateFolder;
use serde_json::json;
use tests::Program;
use tests::program::{ours, reference};

use crate::run::{Said, run, run_with};

/// An agent of this host. None of them may be told to go down: that would be this host.
pub struct Agent {
    program: Program,
    folder: PrivateFolder,
    socket: String,
}

impl Agent {
    pub fn ours() -> Result<Self> {
        Self::start(Program::start(&ours()?, &["--block-rpcs", "guest-shutdown"])?)
    }

    pub fn qemu_ga() -> Result<Self> {
        Self::start(Program::start(&reference()?, &["--block-rpcs", "guest-shutdown"])?)
    }

    fn start(program: Program) -> Result<Self> {
        // It listens from here on.
        drop(program.connect()?);
        let socket = program.folder().join("agent.sock").display().to_string();
        Ok(Self { program, folder: PrivateFolder::new()?, socket })
    }

    /// Runs the program with these arguments behind those that name this agent.
    pub fn nanoqga(&self, arguments: &[&str]) -> Result<Said> {
        run(&[&["--socket", &self.socket], arguments].concat())
    }

    /// The same with text on stdin.
    pub fn nanoqga_with(&self, arguments: &[&str], stdin: &str) -> Result<Said> {
        let file = self.path("stdin");
        fs::write(&file, stdin)?;
        run_with(&[&["--socket", &self.socket], arguments].concat(), &file)
    }

    /// Where it listens.
    pub fn socket(&self) -> &str {
        &self.socket
    }

    /// A file for it and for us.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn pid(&self) -> u32 {
        self.program.pid()
    }
}

/// Makes tests of functions: each with our agent, and with qemu-ga.
macro_rules! with_both {
    ($($test:ident),* $(,)?) => {
        mod ours {
            $(#[test]
            fn $test() -> anyhow::Result<()> {
                super::$test(&crate::agents::Agent::ours()?)
            })*
        }

        mod qemu_ga {
            $(#[test]
            fn $test() -> anyhow::Result<()> {
                super::$test(&crate::agents::Agent::qemu_ga()?)
            })*
        }
    };
}

pub(crate) use with_both;

with_both![
    a_ping_says_how_long_it_took,
    info_shows_what_the_guest_says_of_itself,
    a_program_gets_stdin_and_gives_its_output,
    a_program_gets_the_environment_that_is_named,
    a_raw_request_gets_its_reply,
];

fn a_ping_says_how_long_it_took(agent: &Agent) -> Result<()> {
    let said = agent.nanoqga(&["ping"])?.ok()?;
    ensure!(said.stdout.starts_with("The agent answers within "), "{said:?}");
    let said = agent.nanoqga(&["--json", "ping"])?.ok()?.json()?;
    ensure!(said["milliseconds"].as_f64().is_some_and(|time| time > 0.0), "{said}");
    Ok(())
}

fn info_shows_what_the_guest_says_of_itself(agent: &Agent) -> Result<()> {
    let said = agent.nanoqga(&["info"])?.ok()?;
    let lines: Vec<_> = said.stdout.lines().collect();
    let line = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or_default();
    ensure!(line("agent").starts_with("version ") && line("agent").ends_with(", 1 of them disabled"), "{said:?}");
    let host_name = fs::read_to_string("/proc/sys/kernel/hostname")?;
    ensure!(line("host name") == host_name.trim(), "{said:?}");
    ensure!(line("clock") == "as this host's", "{said:?}");
    ensure!(lines.iter().any(|line| line.starts_with("interface") && line.contains(" lo 127.0.0.1/8")), "{said:?}");
    let all = agent.nanoqga(&["info", "--json"])?.ok()?.json()?;
    ensure!(all["guest-get-host-name"]["host-name"] == host_name.trim(), "{all}");
    ensure!(all["guest-info"]["supported_commands"].as_array().is_some_and(|list| list.len() > 40), "{all}");
    Ok(())
}

fn a_program_gets_stdin_and_gives_its_output(agent: &Agent) -> Result<()> {
    let script = ["exec", "--", "sh", "-c", "cat; echo and this >&2; exit 3"];
    let said = agent.nanoqga_with(&script, "some text\n")?;
    ensure!((said.status, &*said.stdout, &*said.stderr) == (3, "some text\n", "and this\n"), "{said:?}");
    let said = agent.nanoqga_with(&[&["--json"], &script[..]].concat(), "text")?;
    let expected = json!({"exit-code": 3, "stdout": "text", "stderr": "and this\n", "truncated": false});
    ensure!(said.status == 3 && said.json()? == expected, "{said:?}");
    let said = agent.nanoqga_with(&["exec", "--no-stdin", "cat"], "text")?.ok()?;
    ensure!(said.stdout.is_empty(), "{said:?}");
    Ok(())
}

fn a_program_gets_the_environment_that_is_named(agent: &Agent) -> Result<()> {
    let said = agent.nanoqga(&["exec", "--env", "A=1", "--env", "B=two words", "--", "env"])?.ok()?;
    let mut lines: Vec<_> = said.stdout.lines().collect();
    lines.sort_unstable();
    ensure!(lines == ["A=1", "B=two words"], "{said:?}");
    Ok(())
}

fn a_raw_request_gets_its_reply(agent: &Agent) -> Result<()> {
    let said = agent.nanoqga(&["raw", r#"{"execute":"guest-sync-delimited","arguments":{"id":7},"id":"a"}"#])?.ok()?;
    ensure!(said.json()? == json!({"return": 7, "id": "a"}), "{said:?}");
    let said = agent.nanoqga(&["raw", r#"{"execute":"guest-bogus"}"#])?;
    let class = &said.json()?["error"]["class"];
    ensure!(said.status == 125 && class == "CommandNotFound", "{said:?}");
    // Half a request gets no reply, and does no harm to the next.
    agent.nanoqga(&["--timeout", "0.3", "raw", r#"{"execute":"#])?.failed(124, "not within")?;
    agent.nanoqga(&["ping"])?.ok().context("after half a request")?;
    Ok(())
}
