//! Files of which a guest tells lies, or which it takes only in small pieces.

use std::io::{Cursor, sink};
use std::sync::mpsc::{Receiver, channel};

use anyhow::Result;
use nanoqga_testkit::agent::Agent;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::error::Kind;
use nanoqga_testkit::files::{pull, push};
use serde_json::{Value, json};

use crate::guest::{BRIEF, agent, failure};

const REFUSAL: &str = r#"{"error": {"class": "GenericError", "desc": "no"}}"#;

/// The agent of a guest that answers reads and writes as it is told, and names of the commands that it got.
fn file_agent(mut reply: impl FnMut(&Value) -> String + Send + 'static) -> (Agent, Receiver<String>) {
    let (sender, commands) = channel();
    let agent = agent(move |guest| {
        guest.serve(|command, arguments| {
            sender.send(command.into()).unwrap();
            match command {
                "guest-file-open" => r#"{"return": 1000}"#.into(),
                "guest-file-read" | "guest-file-write" => reply(arguments),
                "guest-file-seek" => json!({"return": {"position": arguments["offset"], "eof": false}}).to_string(),
                _ => r#"{"return": {}}"#.into(),
            }
        });
    });
    (agent, commands)
}

fn pulled(reply: &'static str) -> Result<u64> {
    let (mut agent, commands) = file_agent(move |_| reply.into());
    let pulled = pull(&mut agent, "/file", &mut sink(), &mut |_| {});
    assert_eq!(commands.try_iter().last().unwrap(), "guest-file-close");
    pulled
}

fn pushed(reply: impl FnMut(&Value) -> String + Send + 'static) -> Result<u64> {
    let (mut agent, commands) = file_agent(reply);
    let pushed = push(&mut agent, &mut Cursor::new(vec![b'x'; 3 << 20]), "/file", &mut |_| {});
    assert_eq!(commands.try_iter().last().unwrap(), "guest-file-close");
    pushed
}

#[test]
fn what_is_read_must_be_what_the_count_says() {
    for reply in [
        r#"{"return": {"count": 3, "buf-b64": "aGk=", "eof": true}}"#,
        r#"{"return": {"count": -1, "buf-b64": "", "eof": true}}"#,
        r#"{"return": {"count": 0, "buf-b64": "", "eof": false}}"#,
        r#"{"return": {"count": 2, "buf-b64": "aGk", "eof": true}}"#,
        r#"{"return": {"count": 2, "eof": true}}"#,
    ] {
        let (kind, message) = failure(pulled(reply));
        assert_eq!(kind, Some(Kind::Malformed), "{message}");
        assert!(message.starts_with("cannot read all of /file in the guest: "), "{message}");
    }
}

#[test]
fn more_than_was_asked_for_is_not_taken() {
    let (mut agent, _commands) = file_agent(|_| r#"{"return": {"count": 2, "buf-b64": "aGk=", "eof": true}}"#.into());
    let handle = agent.file_open("/file", "r").unwrap();
    assert_eq!(agent.file_read(handle, 2).unwrap().bytes, b"hi");
    assert_eq!(failure(agent.file_read(handle, 1)).0, Some(Kind::Malformed));
}

#[test]
fn a_file_that_never_ends_is_read_no_longer_than_the_limit() {
    let (agent, _commands) = file_agent(|_| r#"{"return": {"count": 2, "buf-b64": "aGk=", "eof": false}}"#.into());
    let mut agent = agent.until(Deadline::after(BRIEF));
    assert_eq!(failure(pull(&mut agent, "/file", &mut sink(), &mut |_| {})).0, Some(Kind::TimedOut));
}

#[test]
fn what_is_written_must_be_some_of_what_was_sent() {
    for count in [json!(0), json!(-1), json!(1 << 30), json!("1")] {
        let (kind, message) = failure(pushed(move |_| json!({"return": {"count": count, "eof": false}}).to_string()));
        assert_eq!(kind, Some(Kind::Malformed), "{message}");
        assert!(message.starts_with("/file in the guest is incomplete: 0 bytes of it were written: "), "{message}");
    }
}

/// How many bytes a request to write has, by its base64.
fn length(arguments: &Value) -> usize {
    let text = arguments["buf-b64"].as_str().unwrap();
    text.len() / 4 * 3 - text.bytes().rev().take_while(|&byte| byte == b'=').count()
}

#[test]
fn pieces_get_smaller_until_the_agent_takes_them() {
    for largest in [1024, 5000, 96 << 10, 2 << 20] {
        let mut written = 0;
        let pushed = pushed(move |arguments| {
            let length = length(arguments);
            if length > largest {
                return REFUSAL.into();
            }
            // Of some, only a part is written.
            let count = if written % 3 == 0 { length.div_ceil(2) } else { length };
            written += count;
            json!({"return": {"count": count, "eof": false}}).to_string()
        });
        assert_eq!(pushed.unwrap(), 3 << 20, "{largest}");
    }
}

#[test]
fn a_disk_that_is_full_is_an_error_that_names_the_incomplete_file() {
    let mut written = 0;
    let (kind, message) = failure(pushed(move |arguments| {
        written += length(arguments);
        if written > 2 << 20 { REFUSAL.into() } else { json!({"return": {"count": length(arguments)}}).to_string() }
    }));
    assert_eq!(kind, Some(Kind::Refused));
    let expected =
        "/file in the guest is incomplete: 2097152 bytes of it were written: guest-file-write: no (GenericError)";
    assert_eq!(message, expected);
}

#[test]
fn reads_get_smaller_until_the_agent_takes_them() {
    let (mut agent, _commands) = file_agent(|arguments| match arguments["count"].as_u64() {
        Some(count) if count > 5000 => REFUSAL.into(),
        _ => r#"{"return": {"count": 2, "buf-b64": "aGk=", "eof": true}}"#.into(),
    });
    let mut target = Vec::new();
    assert_eq!(pull(&mut agent, "/file", &mut target, &mut |_| {}).unwrap(), 2);
    assert_eq!(target, b"hi");
}
