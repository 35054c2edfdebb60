//! Replies that have no form of the protocol's, or come to the wrong request.

use nanoqga_testkit::agent::Agent;
use nanoqga_testkit::client::LONGEST_LINE;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::error::Kind;

use crate::guest::{BRIEF, agent, failure};

/// The agent of a guest that answers guest-info by `reply`, and a ping as it should.
fn answers_by(reply: impl Into<String>) -> Agent {
    let reply = reply.into();
    agent(move |guest| {
        guest.serve(|command, _| if command == "guest-ping" { "{\"return\": {}}".into() } else { reply.clone() });
    })
}

#[test]
fn what_is_no_reply_is_malformed_and_the_next_request_gets_its_own() {
    let nested = "[".repeat(100_000);
    for reply in [
        "",
        "hello",
        "{\"return\": {}",
        "{\"return\": {}}}",
        "{}",
        "[]",
        "5",
        "null",
        "{\"return\": {}, \"error\": {\"class\": \"GenericError\", \"desc\": \"\"}}",
        "{\"error\": \"no\"}",
        "{\"error\": {\"class\": 1, \"desc\": []}}",
        "{\"event\": \"SHUTDOWN\"}",
        "{\"return\": {\"version\": \"1.0.0\", \"supported_commands\": []}, \"id\": 7}",
        "{\"return\": {\"version\": 5, \"supported_commands\": {}}}",
        "{\"return\": [{\"name\": \"guest-ping\"}]}",
        "\u{fffd}\u{0}",
        &nested,
    ] {
        let mut agent = answers_by(reply);
        let (kind, message) = failure(agent.info());
        assert_eq!(kind, Some(Kind::Malformed), "{message}");
        assert!(message.len() < 2000, "{message}");
        agent.ping().unwrap();
    }
}

#[test]
fn an_error_of_the_agents_is_told_with_its_class() {
    let mut agent =
        answers_by(r#"{"error": {"class": "CommandNotFound", "desc": "The command guest-info has not been found"}}"#);
    let (kind, message) = failure(agent.info());
    assert_eq!(kind, Some(Kind::Refused));
    assert_eq!(message, "guest-info: The command guest-info has not been found (CommandNotFound)");
}

#[test]
fn a_second_reply_is_not_the_next_requests() {
    let mut agent = agent(|guest| {
        guest.serve(|command, _| match command {
            "guest-ping" => "{\"return\": {}}\n{\"return\": 1}".into(),
            _ => "{\"return\": 2}".into(),
        });
    });
    for _ in 0..100 {
        agent.ping().unwrap();
        assert_eq!(agent.time().unwrap(), 2);
    }
}

#[test]
fn a_reply_that_comes_too_late_is_not_the_next_requests() {
    let mut agent = agent(|mut guest| {
        guest.synchronise();
        // It says nothing until the host has asked for more.
        assert_eq!(guest.request().unwrap()["execute"], "guest-get-time");
        let sync = guest.request().unwrap();
        guest.say("{\"return\": 1}\n");
        guest.reply_to_sync(&sync);
        guest.serve(|_, _| "{\"return\": 2}".into());
    });
    let (kind, _) = failure(agent.raw_within(r#"{"execute": "guest-get-time"}"#, BRIEF));
    assert_eq!(kind, Some(Kind::TimedOut));
    assert_eq!(agent.time().unwrap(), 2);
}

#[test]
fn a_reply_without_end_is_refused_at_the_greatest_length() {
    let mut agent = agent(|mut guest| {
        guest.synchronise();
        guest.request();
        guest.say("{\"return\": \"");
        while guest.say("x".repeat(1 << 20)) {}
    });
    let (kind, message) = failure(agent.ping());
    assert_eq!(kind, Some(Kind::Malformed), "{message}");
    assert!(message.ends_with(&format!("longer than {LONGEST_LINE} bytes")), "{message}");
}

#[test]
fn the_end_of_all_that_is_asked_ends_also_what_has_a_later_limit() {
    let mut agent = agent(|mut guest| {
        guest.synchronise();
        guest.keep_silent();
    })
    .until(Deadline::after(BRIEF));
    assert_eq!(failure(agent.ping()).0, Some(Kind::TimedOut));
    assert_eq!(failure(agent.ping()).0, Some(Kind::TimedOut));
}
