//! Programs of which a guest tells lies.

use nanoqga_testkit::error::Kind;
use nanoqga_testkit::exec::{End, Outcome, Program, run};

use serde_json::json;

use crate::guest::{agent, brief_agent, failure};

const PROGRAM: Program<'_> = Program { path: "true", arguments: &[], environment: &[], input: b"" };

const STARTED: &str = r#"{"return": {"pid": 7}}"#;

fn ends_by(status: &'static str) -> anyhow::Result<Outcome> {
    let mut agent =
        agent(move |guest| guest.serve(|command, _| if command == "guest-exec" { STARTED } else { status }.into()));
    run(&mut agent, &PROGRAM)
}

#[test]
fn a_program_ends_by_its_status_or_by_a_signal() {
    let outcome = ends_by(
        r#"{"return": {"exited": true, "exitcode": 3, "out-data": "aGk=", "err-data": "b2g=\n", "err-truncated": true}}"#,
    );
    let expected = Outcome { end: End::Exited(3), stdout: b"hi".into(), stderr: b"oh".into(), truncated: true };
    assert_eq!(outcome.unwrap(), expected);
    let outcome = ends_by(r#"{"return": {"exited": true, "signal": 9}}"#).unwrap();
    assert_eq!((outcome.end, outcome.truncated), (End::Killed(9), false));
}

#[test]
fn an_end_that_is_none_is_malformed() {
    for status in [
        r#"{"return": {"exited": true}}"#,
        r#"{"return": {"exited": true, "exitcode": 0, "signal": 9}}"#,
        r#"{"return": {"exited": true, "exitcode": 1e99}}"#,
        r#"{"return": {"exited": true, "exitcode": 0, "out-data": "?"}}"#,
        r#"{"return": {"exited": "yes"}}"#,
        r#"{"return": []}"#,
    ] {
        let (kind, message) = failure(ends_by(status));
        assert_eq!(kind, Some(Kind::Malformed), "{message}");
    }
}

#[test]
fn a_program_that_the_agent_does_not_know_any_more_is_lost() {
    let (kind, message) = failure(ends_by(r#"{"error": {"class": "GenericError", "desc": "PID 7 does not exist"}}"#));
    assert_eq!(kind, Some(Kind::Lost));
    assert!(message.starts_with("the agent no longer knows process 7 of true: guest-exec-status: PID 7"), "{message}");
}

#[test]
fn a_program_that_never_ends_is_waited_for_no_longer_than_the_limit() {
    let mut agent = brief_agent(|guest| {
        guest.serve(|command, _| {
            if command == "guest-exec" { STARTED } else { r#"{"return": {"exited": false}}"# }.into()
        });
    });
    let (kind, message) = failure(run(&mut agent, &PROGRAM));
    assert_eq!(kind, Some(Kind::TimedOut));
    assert!(message.starts_with("true may still run in the guest, as process 7"), "{message}");
}

#[test]
fn a_program_that_is_refused_was_not_started() {
    let mut agent = agent(|guest| {
        guest.serve(|_, _| r#"{"error": {"class": "GenericError", "desc": "no such program"}}"#.into());
    });
    let (kind, message) = failure(run(&mut agent, &PROGRAM));
    assert_eq!(kind, Some(Kind::Refused));
    assert_eq!(message, "guest-exec: no such program (GenericError)");
}

#[test]
fn only_what_a_program_has_is_sent() {
    let mut agent = agent(|guest| {
        guest.serve(|command, arguments| match command {
            "guest-exec" if *arguments == json!({"capture-output": true, "path": "true"}) => STARTED.into(),
            "guest-exec-status" => r#"{"return": {"exited": true, "exitcode": 0}}"#.into(),
            _ => format!("no: {arguments}"),
        });
    });
    run(&mut agent, &PROGRAM).unwrap();
}
