//! What a typed line means.

use anyhow::{Result, bail};
use serde_json::{Map, Value};

use crate::client::request_line;
use crate::commands::Info;

/// What a typed line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Nothing,
    Help,
    Quit,
    /// To send a request. `silent` says that it has no reply when it succeeds.
    Request {
        line: String,
        silent: bool,
    },
}

/// # Errors
/// When an argument has no key.
pub(super) fn typed(line: &str, info: &Info) -> Result<Typed> {
    let line = line.trim();
    let mut words = line.split_whitespace();
    let name = match words.next() {
        None => return Ok(Typed::Nothing),
        Some("help") => return Ok(Typed::Help),
        Some("quit") => return Ok(Typed::Quit),
        Some(_) if line.starts_with('{') => return Ok(raw(line, info)),
        Some(name) => name,
    };
    let name = match info.commands.iter().any(|command| command.name == name) || name.starts_with("guest-") {
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
    let line = request_line(&name, given.then_some(&arguments.into()));
    Ok(Typed::Request { line, silent: is_silent(info, &name) })
}

fn raw(line: &str, info: &Info) -> Typed {
    let request: Value = serde_json::from_str(line).unwrap_or_default();
    Typed::Request { line: line.into(), silent: request["execute"].as_str().is_some_and(|name| is_silent(info, name)) }
}

/// Whether a command has no reply when it succeeds.
fn is_silent(info: &Info, name: &str) -> bool {
    info.commands.iter().any(|command| command.name == name && !command.success_response)
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

    fn info() -> Info {
        let command = |name: &str, reply: bool| json!({"name": name, "enabled": true, "success-response": reply});
        let commands = [command("guest-sync", true), command("nanoqga-own", true), command("guest-shutdown", false)];
        serde_json::from_value(json!({"version": "1.0.0", "supported_commands": commands})).unwrap()
    }

    fn request(line: &str) -> Value {
        match typed(line, &info()).unwrap() {
            Typed::Request { line, .. } => serde_json::from_str(&line).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_command_needs_no_prefix() {
        assert_eq!(request("ping"), json!({"execute": "guest-ping"}));
        assert_eq!(request(" guest-ping "), json!({"execute": "guest-ping"}));
        assert_eq!(request("nanoqga-own"), json!({"execute": "nanoqga-own"}));
    }

    #[test]
    fn values_are_json_or_else_strings() {
        assert_eq!(request("sync id=5"), json!({"execute": "guest-sync", "arguments": {"id": 5}}));
        assert_eq!(
            request("shutdown mode=reboot force=true"),
            json!({"execute": "guest-shutdown", "arguments": {"mode": "reboot", "force": true}})
        );
    }

    #[test]
    fn a_value_may_hold_spaces() {
        assert_eq!(
            request(r#"x list=[1, {"a": 2}] path=a b"#),
            json!({"execute": "guest-x", "arguments": {"list": [1, {"a": 2}], "path": "a b"}})
        );
    }

    #[test]
    fn a_raw_line_is_sent_as_it_is() {
        let line = "{\"execute\": nonsense".to_owned();
        assert_eq!(typed(&line, &info()).unwrap(), Typed::Request { line, silent: false });
    }

    #[test]
    fn commands_without_a_reply_are_known_however_they_are_typed() {
        for line in ["shutdown", "guest-shutdown mode=halt", r#"{"execute": "guest-shutdown"}"#] {
            assert!(matches!(typed(line, &info()).unwrap(), Typed::Request { silent: true, .. }), "{line}");
        }
    }

    #[test]
    fn an_argument_without_a_key_is_refused() {
        assert_eq!(typed("sync 5", &info()).unwrap_err().to_string(), "'5' is not key=value");
    }

    #[test]
    fn some_words_are_not_for_the_agent() {
        assert_eq!(typed("  ", &info()).unwrap(), Typed::Nothing);
        assert_eq!(typed("help", &info()).unwrap(), Typed::Help);
        assert_eq!(typed("quit", &info()).unwrap(), Typed::Quit);
    }
}
