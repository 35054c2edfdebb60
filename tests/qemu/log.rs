//! The log: what a console prints, and what the host gets by `nanoqga-log`.

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::machine::Channel;
use serde_json::json;
use tests::images::APPLIANCE;
use tests::{Booted, soon};

/// How many lines the log keeps.
const KEPT: usize = 31;

/// The log's lines, as the host gets them.
fn lines(agent: &mut Client) -> Result<Vec<String>> {
    let list = agent.execute("nanoqga-log", json!({}), soon())?;
    let lines = list.as_array().with_context(|| format!("nanoqga-log returned {list}"))?;
    lines.iter().map(|line| line.as_str().map(String::from).context("a line is a string")).collect()
}

/// What the host gets is what the console shows, if there is one.
pub fn is_what_the_console_shows(Booted { agent, guest }: &mut Booted, channel: Channel) -> Result<()> {
    let lines = lines(agent)?;
    ensure!(lines.iter().any(|line| line.starts_with("ready: ")), "nanoqga-log returned {lines:?}");
    if channel == Channel::Com1 { Ok(()) } else { guest.console_shows(&lines.join("\r\n"), soon()) }
}

#[test]
fn a_guest_that_has_a_silent_console_has_a_log() -> Result<()> {
    let mut booted = Booted::of(&APPLIANCE, "q35", Channel::Virtio, |config| config.append = "console=none".into())?;
    let lines = lines(&mut booted.agent)?;
    ensure!(lines.iter().any(|line| line.starts_with("ready: ")), "nanoqga-log returned {lines:?}");
    ensure!(booted.guest.console().is_empty(), "the console shows {}", booted.guest.console());
    Ok(())
}

#[test]
fn of_more_lines_than_the_log_keeps_the_newest_are_there() -> Result<()> {
    for machine in ["pc", "riscv64-virt"] {
        let words: Vec<_> = (0..2 * KEPT).map(|number| format!("word{number}")).collect();
        let Booted { mut agent, guest } = Booted::of(&APPLIANCE, machine, Channel::Virtio, |config| {
            config.append = format!("agent=virtio {}", words.join(" "));
        })?;
        let lines = lines(&mut agent)?;
        ensure!(lines.len() == KEPT, "{machine}: {} lines: {lines:?}", lines.len());
        let last = format!("unknown option {}", words[words.len() - 1]);
        ensure!(lines.contains(&last) && !lines.contains(&"unknown option word0".into()), "{machine}: {lines:?}");
        // They were logged before it was known where they are printed.
        guest.console_shows(" line(s) were lost\r\nunknown option ", soon())?;
        guest.console_shows(&lines.join("\r\n"), soon())?;
    }
    Ok(())
}

#[test]
fn it_takes_no_arguments() -> Result<()> {
    let mut booted = Booted::of(&APPLIANCE, "q35", Channel::Virtio, |_| {})?;
    booted.transcript(&[(
        r#"{"execute":"nanoqga-log","arguments":{"newest":1}}"#,
        r#"{"error": {"class": "GenericError", "desc": "Parameter 'newest' is unexpected"}}"#,
    )])
}
