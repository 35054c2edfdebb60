//! The prompt of `cargo xtask run --interactive`.

use std::io::{IsTerminal, stdin};
use std::time::Duration;

use anyhow::{Result, bail};
use nanoqga_testkit::client::{Client, request_line};
use nanoqga_testkit::deadline::Deadline;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};
use serde_json::{Map, Value};

use crate::tour::{commands, show_reply};

const HELP: &str = "  ping                        a command, with or without its guest-
  sync id=5                   arguments are key=value; values are JSON, or else strings
  {\"execute\":\"guest-ping\"}    a line that begins with { is sent as it is
  help                        this, and the commands the image has
  quit                        shut the guest down (so does the end of the input, Ctrl-D)
";

/// How long a reply may take.
const REPLY: Duration = Duration::from_secs(5);

/// How long after a raw line's first reply to look for more, since it may hold more than one message.
const MORE: Duration = Duration::from_millis(100);

/// How a prompt came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The input ended or asked to quit; the guest still runs.
    Quit,
    /// The guest closed the channel, as it does when it was told to shut down.
    GuestGone,
}

/// Takes commands from stdin until it ends, or the guest does.
///
/// # Errors
/// When stdin cannot be read, or the agent does not list its commands.
pub(crate) fn prompt(agent: &mut Client) -> Result<End> {
    let known = commands(agent)?;
    println!("`help` says what can be typed.");
    // Several lines that are pasted are several commands.
    let config = Config::builder().auto_add_history(true).bracketed_paste(false).build();
    let mut editor = DefaultEditor::with_config(config)?;
    let prompt = if stdin().is_terminal() { "nanoqga> " } else { "" };
    loop {
        let line = match editor.readline(prompt) {
            Ok(line) => line,
            // Ctrl-C drops what was typed.
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(End::Quit),
            Err(error) => return Err(error.into()),
        };
        match line.trim() {
            "" => {}
            "help" => println!("{HELP}\n  {}", known.join("\n  ")),
            "quit" => return Ok(End::Quit),
            line => match request(line, &known) {
                Ok(request) => {
                    if converse(agent, &request) == Some(End::GuestGone) {
                        return Ok(End::GuestGone);
                    }
                }
                Err(error) => println!("  {error:#}"),
            },
        }
    }
}

/// Sends one request and shows what is said to it.
fn converse(agent: &mut Client, request: &str) -> Option<End> {
    println!("  -> {request}");
    match agent.request(request, Deadline::after(REPLY)) {
        Ok(reply) => {
            show_reply(&reply.line);
            while let Ok(line) = agent.line(Deadline::after(MORE)) {
                show_reply(&line);
            }
        }
        Err(_) if agent.is_closed() => return Some(End::GuestGone),
        Err(_) => println!("  no reply within {} s", REPLY.as_secs()),
    }
    None
}

/// The request that a typed line means.
fn request(line: &str, known: &[String]) -> Result<String> {
    if line.starts_with('{') {
        return Ok(line.into());
    }
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let name = match known.iter().any(|known| known == name) || name.starts_with("guest-") {
        true => name.into(),
        false => format!("guest-{name}"),
    };
    let mut arguments: Vec<(&str, String)> = Vec::new();
    for word in words {
        match (word.split_once('='), arguments.last_mut()) {
            (Some((key, value)), _) if is_key(key) => arguments.push((key, value.into())),
            // A value with spaces in it.
            (_, Some((_, value))) => *value = format!("{value} {word}"),
            (_, None) => bail!("'{word}' is not key=value"),
        }
    }
    let given = !arguments.is_empty();
    let arguments: Map<_, _> = arguments.into_iter().map(|(key, value)| (key.into(), value_of(value))).collect();
    Ok(request_line(&name, given.then_some(&arguments.into())))
}

fn is_key(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_')
}

fn value_of(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn typed(line: &str) -> Value {
        let known = ["guest-sync".into(), "nanoqga-own".into()];
        serde_json::from_str(&request(line, &known).unwrap()).unwrap()
    }

    #[test]
    fn a_command_needs_no_prefix() {
        assert_eq!(typed("ping"), json!({"execute": "guest-ping"}));
        assert_eq!(typed("guest-ping"), json!({"execute": "guest-ping"}));
        assert_eq!(typed("nanoqga-own"), json!({"execute": "nanoqga-own"}));
    }

    #[test]
    fn values_are_json_or_else_strings() {
        assert_eq!(typed("sync id=5"), json!({"execute": "guest-sync", "arguments": {"id": 5}}));
        assert_eq!(
            typed("shutdown mode=reboot force=true"),
            json!({"execute": "guest-shutdown", "arguments": {"mode": "reboot", "force": true}})
        );
    }

    #[test]
    fn a_value_may_hold_spaces() {
        assert_eq!(
            typed(r#"x list=[1, {"a": 2}] path=a b"#),
            json!({"execute": "guest-x", "arguments": {"list": [1, {"a": 2}], "path": "a b"}})
        );
    }

    #[test]
    fn a_raw_line_is_sent_as_it_is() {
        assert_eq!(request("{\"execute\": nonsense", &[]).unwrap(), "{\"execute\": nonsense");
    }

    #[test]
    fn an_argument_without_a_key_is_refused() {
        assert_eq!(request("sync 5", &[]).unwrap_err().to_string(), "'5' is not key=value");
    }
}
