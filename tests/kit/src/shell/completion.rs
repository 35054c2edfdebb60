//! Tab completes the names of the agent's own commands.

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use crate::commands::Info;

/// What most names begin with, and may be left out.
const PREFIX: &str = "guest-";

/// The words of the prompt's own.
const OWN: [&str; 2] = ["help", "quit"];

/// The names that the first word of a line may be.
pub(super) struct Names(Vec<String>);

impl Names {
    /// Those of the commands that an agent has and may run, sorted.
    pub(super) fn of(info: &Info) -> Self {
        // A name that would steer the terminal is none that anyone types.
        let usable = |name: &&String| !name.contains(char::is_control);
        let commands = info.commands.iter().filter(|command| command.enabled).map(|command| &command.name);
        let commands = commands.filter(usable).cloned();
        let mut names: Vec<_> = commands.chain(OWN.map(String::from)).collect();
        names.sort_unstable();
        Self(names)
    }

    /// What `beginning` may be the beginning of.
    fn completions(&self, beginning: &str) -> Vec<String> {
        if beginning.contains(char::is_whitespace) {
            return Vec::new();
        }
        let full = self.0.iter().filter(|name| name.starts_with(beginning)).cloned();
        // Without a letter, all are listed once and not twice.
        let short = self.0.iter().filter_map(|name| name.strip_prefix(PREFIX));
        let short = short.filter(|name| !beginning.is_empty() && name.starts_with(beginning)).map(String::from);
        full.chain(short).collect()
    }
}

impl Completer for Names {
    type Candidate = String;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((0, self.completions(&line[..position])))
    }
}

impl Hinter for Names {
    type Hint = String;
}

impl Highlighter for Names {}

impl Validator for Names {}

impl Helper for Names {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn completions(beginning: &str) -> Vec<String> {
        let command = |name: &str, enabled: bool| json!({"name": name, "enabled": enabled});
        let commands = [
            command("guest-ping", true),
            command("guest-get-time", true),
            command("guest-get-users", false),
            command("nanoqga-log", true),
        ];
        let info = json!({"version": "1.0.0", "supported_commands": commands});
        Names::of(&serde_json::from_value(info).unwrap()).completions(beginning)
    }

    #[test]
    fn names_are_completed_with_and_without_their_prefix() {
        assert_eq!(completions("p"), ["ping"]);
        assert_eq!(completions("guest-p"), ["guest-ping"]);
        assert_eq!(completions("nano"), ["nanoqga-log"]);
        assert_eq!(completions("h"), ["help"]);
        assert_eq!(completions("g"), ["guest-get-time", "guest-ping", "get-time"]);
    }

    #[test]
    fn without_a_letter_all_that_may_be_run_are_listed() {
        assert_eq!(completions(""), ["guest-get-time", "guest-ping", "help", "nanoqga-log", "quit"]);
    }

    #[test]
    fn arguments_are_not_completed() {
        assert!(completions("ping g").is_empty());
    }
}
