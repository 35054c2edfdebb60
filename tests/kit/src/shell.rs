//! A prompt that sends what is typed to an agent.

mod completion;
mod typed;

use std::io::{IsTerminal, Write, stdin, stdout};
use std::time::Duration;

use anyhow::Result;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{Config, Editor};

use self::completion::Names;
use self::typed::{Typed, typed};
use crate::agent::{Agent, LAST_WORD};
use crate::client::{Reply, printable};
use crate::error::{Error, Kind};

const HELP: &str = "  ping                        a command, with or without its guest-; Tab completes it
  sync id=5                   arguments are key=value; values are JSON, or else strings
  {\"execute\":\"guest-ping\"}    a line that begins with { is sent as it is
  help                        this, and the commands that the agent has";

/// How long after a raw line's first reply to look for more, since it may hold more than one message.
const MORE: Duration = Duration::from_millis(100);

/// How a prompt came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The input ended or asked to quit; the guest still runs.
    Quit,
    /// The guest has gone after a command that has no reply when it succeeds, such as guest-shutdown.
    Down,
    /// The guest has gone unasked.
    Lost,
}

/// Sends what is typed on stdin to the agent and shows its replies on stdout, until the input ends, says `quit`, or the guest
/// goes. Where stdin is no terminal, each line is one command. `quit` says what comes of `quit`, for the help.
///
/// # Errors
/// When the agent does not list its commands, or stdin or stdout fails.
pub fn shell(agent: &mut Agent, quit: &str) -> Result<End> {
    let info = agent.info()?;
    let mut out = stdout();
    writeln!(out, "`help` says what can be typed.")?;
    // Several lines that are pasted are several commands.
    let config = Config::builder().auto_add_history(true).bracketed_paste(false).build();
    let mut editor = Editor::<Names, DefaultHistory>::with_config(config)?;
    editor.set_helper(Some(Names::of(&info)));
    let prompt = if stdin().is_terminal() { "nanoqga> " } else { "" };
    loop {
        let line = match editor.readline(prompt) {
            Ok(line) => line,
            // Ctrl-C drops what was typed.
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(End::Quit),
            Err(error) => return Err(error.into()),
        };
        match typed(&line, &info) {
            Ok(Typed::Nothing) => {}
            Ok(Typed::Help) => {
                let names: Vec<_> = info.commands.iter().map(|command| printable(&command.name)).collect();
                writeln!(out, "{HELP}\n  quit                        {quit}\n\n  {}", names.join("\n  "))?;
            }
            Ok(Typed::Quit) => return Ok(End::Quit),
            Ok(Typed::Request { line, silent }) => {
                if let Some(end) = converse(agent, &line, silent, &mut out)? {
                    return Ok(end);
                }
            }
            Err(error) => writeln!(out, "  {error:#}")?,
        }
    }
}

/// Sends one request and shows what is said to it. `silent` says that it has no reply when it succeeds.
fn converse(agent: &mut Agent, request: &str, silent: bool, out: &mut dyn Write) -> Result<Option<End>> {
    writeln!(out, "  -> {request}")?;
    let reply = if silent { agent.raw_within(request, LAST_WORD) } else { agent.raw(request) };
    let kind = reply.as_ref().err().and_then(Error::kind_of);
    match (reply, kind) {
        (Ok(reply), _) => {
            show(&reply, out)?;
            while let Some(reply) = request.starts_with('{').then(|| agent.more(MORE)).flatten() {
                show(&reply, out)?;
            }
        }
        (Err(_), Some(Kind::Lost)) => {
            writeln!(out, "  The guest has gone.")?;
            return Ok(Some(if silent { End::Down } else { End::Lost }));
        }
        (Err(_), Some(Kind::TimedOut)) if silent => writeln!(out, "  no reply, as this command has when it succeeds")?,
        (Err(error), _) => writeln!(out, "  {error:#}")?,
    }
    Ok(None)
}

fn show(reply: &Reply, out: &mut dyn Write) -> Result<()> {
    Ok(writeln!(out, "  <- {}", reply.text())?)
}
