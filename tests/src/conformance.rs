//! Conversations recorded from the reference agent, and how a reply is compared with them.

use serde_json::Value;

/// The recording. What its `compare` means is said in its `about`.
const RECORDING: &str = include_str!("../conformance/vectors.json");

/// The byte before a reply to guest-sync-delimited.
const DELIMITER: u8 = 0xff;

/// Groups whose vectors need the command they name. The others need an agent that answers guest-ping.
const COMMAND_GROUPS: [&str; 3] = ["sync", "arguments", "freeze"];

/// One recorded exchange, for an agent that has nothing half read.
#[derive(Clone, Debug)]
pub struct Vector {
    /// What it is about.
    pub group: String,
    /// Its name within the group.
    pub name: String,
    /// The bytes to send.
    pub request: Vec<u8>,
    expectation: Expectation,
}

#[derive(Clone, Debug)]
enum Expectation {
    /// Exactly these lines.
    Lines(Vec<Line>),
    /// The first line is this error, wherever in the request it is; what follows is free.
    FirstError(Line),
    /// The first line is an error of this class; what follows is free.
    FirstErrorClass(String),
    /// The last line is this one; what comes before is free.
    LastLine(Line),
}

/// One line of a reply.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    delimited: bool,
    value: Value,
}

/// All recorded exchanges.
///
/// # Panics
/// When the recording is not of the form its `about` describes.
pub fn vectors() -> Vec<Vector> {
    let recording: Value = serde_json::from_str(RECORDING).expect("the recording is JSON");
    let vectors = recording["vectors"].as_array().expect("the recording holds a list of vectors");
    vectors.iter().map(Vector::from_json).collect()
}

impl Vector {
    fn from_json(vector: &Value) -> Self {
        let text = |member: &str| vector[member].as_str().expect("a vector's members are strings").to_owned();
        let reply = bytes(&text("reply"));
        let mut lines = lines(&reply).expect("recorded replies are lines of JSON");
        let expectation = match text("compare").as_str() {
            "json" => Expectation::Lines(lines),
            "first error" => Expectation::FirstError(lines.swap_remove(0).without_place()),
            "first error class" => Expectation::FirstErrorClass(lines[0].class().expect("an error").to_owned()),
            "last line" => Expectation::LastLine(lines.pop().expect("a recorded reply has a line")),
            other => panic!("the recording compares by '{other}', which its about does not describe"),
        };
        Self { group: text("group"), name: text("name"), request: bytes(&text("request")), expectation }
    }

    /// The command that an agent must have for this exchange to be as recorded, if it takes one.
    pub fn needs(&self) -> Option<String> {
        if !COMMAND_GROUPS.contains(&self.group.as_str()) {
            return None;
        }
        // What comes before a 0xFF is dropped.
        let message = self.request.rsplit(|&byte| byte == DELIMITER).next()?;
        let message: Value = serde_json::from_slice(message).ok()?;
        message["execute"].as_str().map(String::from)
    }

    /// Whether an agent with these commands should answer as recorded.
    pub fn applies_to(&self, commands: &[String]) -> bool {
        self.needs().is_none_or(|needed| commands.contains(&needed))
    }

    /// Compares all bytes of an agent's reply with the recorded ones.
    ///
    /// # Errors
    /// How they differ.
    pub fn check(&self, reply: &[u8]) -> Result<(), String> {
        let got = lines(reply);
        let holds = got.as_ref().is_ok_and(|got| match &self.expectation {
            Expectation::Lines(expected) => got == expected,
            Expectation::FirstError(expected) => {
                got.first().is_some_and(|line| line.clone().without_place() == *expected)
            }
            Expectation::FirstErrorClass(class) => got.first().and_then(Line::class) == Some(class),
            Expectation::LastLine(expected) => got.last() == Some(expected),
        });
        if holds {
            return Ok(());
        }
        Err(format!(
            "{} / {}: {}\n  was answered by {}\n  but the recording has {:?}{}",
            self.group,
            self.name,
            self.request.escape_ascii(),
            reply.escape_ascii(),
            self.expectation,
            got.err().map_or(String::new(), |error| format!("\n  ({error})")),
        ))
    }
}

impl Line {
    fn class(&self) -> Option<&str> {
        self.value["error"]["class"].as_str()
    }

    /// The same, but an error's text does not begin with its place in the request: `LINE:COLUMN: `.
    fn without_place(mut self) -> Self {
        if let Some(Value::String(text)) = self.value.pointer_mut("/error/desc") {
            let words =
                text.trim_start_matches(|character: char| character.is_ascii_digit() || ": ".contains(character));
            *text = words.into();
        }
        self
    }
}

/// The lines of a reply, each of which must have its end.
fn lines(reply: &[u8]) -> Result<Vec<Line>, String> {
    let Some(whole) = reply.strip_suffix(b"\n") else {
        return Err("the reply does not end with a line end".into());
    };
    let line = |line: &[u8]| {
        let text = line.strip_prefix(&[DELIMITER]);
        let value = serde_json::from_slice(text.unwrap_or(line)).map_err(|error| error.to_string())?;
        Ok(Line { delimited: text.is_some(), value })
    };
    whole.split(|&byte| byte == b'\n').map(line).collect()
}

/// In the recording, each byte is the character of the same number.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(character).expect("the recording's characters are bytes")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(group: &str, name: &str) -> Vector {
        vectors().into_iter().find(|vector| vector.group == group && vector.name == name).unwrap()
    }

    #[test]
    fn every_vector_accepts_what_was_recorded() {
        let recording: Value = serde_json::from_str(RECORDING).unwrap();
        let recorded = recording["vectors"].as_array().unwrap();
        assert!(recorded.len() > 60, "only {} vectors", recorded.len());
        for (vector, recorded) in vectors().iter().zip(recorded) {
            vector.check(&bytes(recorded["reply"].as_str().unwrap())).unwrap();
        }
    }

    #[test]
    fn a_json_vector_refuses_another_value_another_line_and_a_missing_end() {
        let ping = vector("envelope", "id integer");
        ping.check(b"{\"id\": 1, \"return\": {}}\n").unwrap();
        for other in
            ["{\"return\": {}}\n", "{\"return\": {}, \"id\": 1}", "{\"return\": {}, \"id\": 1}\n{}\n", "", "\n"]
        {
            assert!(ping.check(other.as_bytes()).is_err(), "{other:?}");
        }
    }

    #[test]
    fn the_delimiter_is_part_of_the_line() {
        let sync = vector("sync", "delimited with id");
        assert!(sync.check(b"{\"return\": 77, \"id\": 1}\n").is_err());
        sync.check(b"\xff{\"return\": 77, \"id\": 1}\n").unwrap();
    }

    #[test]
    fn a_first_error_vector_minds_the_words_of_the_first_line_and_not_where_it_is() {
        let syntax = vector("syntax", "missing comma");
        for place in ["", "1:25: ", "7:1: "] {
            let error = |words: &str| {
                format!(
                    "{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"{place}JSON parse error, {words}\"}}}}\n{{}}\n"
                )
            };
            syntax.check(error("expected ',' or '}'").as_bytes()).unwrap();
            assert!(syntax.check(error("expected ',' or ']'").as_bytes()).is_err());
        }
    }

    #[test]
    fn an_error_vector_minds_the_class_of_the_first_line_alone() {
        let syntax = vector("syntax", "leading zero");
        syntax.check(b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"anything\"}}\n").unwrap();
        assert!(syntax.check(b"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"anything\"}}\n").is_err());
        assert!(syntax.check(b"{\"return\": {}}\n").is_err());
    }

    #[test]
    fn a_vector_needs_the_command_it_is_about() {
        assert_eq!(vector("sync", "half then ff then sync").needs().unwrap(), "guest-sync-delimited");
        assert_eq!(vector("arguments", "set-time far").needs().unwrap(), "guest-set-time");
        assert_eq!(vector("command", "unknown").needs(), None);
        assert!(!vector("freeze", "status").applies_to(&["guest-ping".into()]));
    }
}
