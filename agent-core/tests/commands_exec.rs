//! The exec family, as transcripts.

use crate::common::{Finished, Guest, assert_refused, call, error, returned, returns};
use nanoqga::Failure;
use nanoqga::commands::exec::Exit;

#[test]
fn a_program_is_run_with_what_the_client_gives() {
    let mut guest = Guest::default();
    assert_eq!(call(&mut guest, "guest-exec", r#""path":"/bin/true""#), returns(r#"{"pid":100}"#));
    assert_eq!(guest.asked.pop().unwrap(), "spawn /bin/true None None None None");
    let full = r#""path":"/bin/s\u00e9d","arg":["-e","s/\"/'/"],"env":["A=1",""],"input-data":"aGVs\nbG8=","capture-output":true"#;
    assert_eq!(call(&mut guest, "guest-exec", full), returns(r#"{"pid":101}"#));
    assert_eq!(
        guest.asked.pop().unwrap(),
        r#"spawn /bin/séd Some(["-e", "s/\"/'/"]) Some(["A=1", ""]) Some("hello") Separated"#
    );
    // The input may come first, and be empty.
    assert_eq!(call(&mut guest, "guest-exec", r#""input-data":"","arg":[],"path":"x""#), returns(r#"{"pid":102}"#));
    assert_eq!(guest.asked.pop().unwrap(), r#"spawn x Some([]) None Some("") None"#);
    // Neither has to be the longest.
    let long = "y".repeat(99);
    let more = format!(r#""arg":["{long}"],"input-data":"aGVsbG8=","path":"x","env":["{long}"]"#);
    assert_eq!(call(&mut guest, "guest-exec", &more), returns(r#"{"pid":103}"#));
    assert_eq!(guest.asked.pop().unwrap(), format!(r#"spawn x Some(["{long}"]) Some(["{long}"]) Some("hello") None"#));
    guest.refuses = Some(Failure("No such file or directory"));
    assert_eq!(
        call(&mut guest, "guest-exec", r#""path":"/x""#),
        error("Failed to execute child process \\u201C/x\\u201D (No such file or directory)")
    );
}

#[test]
fn what_is_captured_is_told_by_a_boolean_or_a_name() {
    for (capture, meaning) in [
        ("false", "None"),
        ("true", "Separated"),
        (r#""none""#, "None"),
        (r#""stdout""#, "Stdout"),
        (r#""stderr""#, "Stderr"),
        (r#""separated""#, "Separated"),
        (r#""merged""#, "Merged"),
    ] {
        let mut guest = Guest::default();
        call(&mut guest, "guest-exec", &format!(r#""path":"x","capture-output":{capture}"#));
        assert_eq!(guest.asked, [format!("spawn x None None None {meaning}")]);
    }
}

#[test]
fn arguments_are_checked_before_anything_is_run() {
    let alternate = "Invalid parameter type for 'capture-output', expected: GuestExecCaptureOutput";
    assert_refused(
        &mut Guest::default(),
        "guest-exec",
        &[
            ("", "Parameter 'path' is missing"),
            (r#""path":"x","arg":"x""#, "Invalid parameter type for 'arg', expected: array"),
            (r#""path":"x","arg":["a",1]"#, "Invalid parameter type for 'arg[1]', expected: string"),
            (r#""path":"x","env":[null]"#, "Invalid parameter type for 'env[0]', expected: string"),
            (r#""path":"x","input-data":1"#, "Invalid parameter type for 'input-data', expected: string"),
            (r#""path":"x","capture-output":1"#, alternate),
            (r#""path":"x","capture-output":null"#, alternate),
            (r#""path":"x","capture-output":["stdout"]"#, alternate),
            (r#""path":"x","capture-output":"both""#, "Parameter 'capture-output' does not accept value 'both'"),
            (
                r#""path":"x","input-data":"!","capture-output":"both""#,
                "Parameter 'capture-output' does not accept value 'both'",
            ),
            (r#""path":"x","input-data":"!","timeout":1"#, "Parameter 'timeout' is unexpected"),
            (r#""path":"x","input-data":"!""#, "Base64 data contains invalid characters"),
        ],
    );
    assert_refused(
        &mut Guest::default(),
        "guest-exec-status",
        &[
            ("", "Parameter 'pid' is missing"),
            (r#""pid":"1""#, "Invalid parameter type for 'pid', expected: integer"),
            (r#""pid":1,"x":1"#, "Parameter 'x' is unexpected"),
            (r#""pid":-7"#, "PID -7 does not exist"),
        ],
    );
}

#[test]
fn the_end_of_a_program_is_told_once() {
    let mut guest = Guest::default();
    guest.programs.insert(7, None);
    let status = |guest: &mut Guest| call(guest, "guest-exec-status", r#""pid":7"#);
    assert_eq!(status(&mut guest), returns(r#"{"exited":false}"#));
    assert_eq!(status(&mut guest), returns(r#"{"exited":false}"#));
    let exit = Exit { code: Some(0), ..Exit::default() };
    guest.programs.insert(7, Some(Finished { exit, out: b"hello".to_vec(), err: Vec::new() }));
    assert_eq!(
        status(&mut guest),
        returns(r#"{"exited":true,"exitcode":0,"out-data":"aGVsbG8=","out-truncated":false}"#)
    );
    assert_eq!(status(&mut guest), error("PID 7 does not exist"));
}

#[test]
fn a_program_may_be_killed_silent_or_too_loud() {
    let mut guest = Guest::default();
    let killed = Exit { signal: Some(9), ..Exit::default() };
    guest.programs.insert(1, Some(Finished { exit: killed, out: Vec::new(), err: Vec::new() }));
    assert_eq!(call(&mut guest, "guest-exec-status", r#""pid":1"#), returns(r#"{"exited":true,"signal":9}"#));
    let loud = Exit { code: Some(-1), signal: None, out_truncated: true, err_truncated: true };
    guest.programs.insert(2, Some(Finished { exit: loud, out: b"o".to_vec(), err: b"e".to_vec() }));
    assert_eq!(
        call(&mut guest, "guest-exec-status", r#""pid":2"#),
        returns(
            r#"{"exited":true,"exitcode":-1,"out-data":"bw==","out-truncated":true,"err-data":"ZQ==","err-truncated":true}"#
        )
    );
    guest.refuses = Some(Failure("the guest cannot tell"));
    assert_eq!(call(&mut guest, "guest-exec-status", r#""pid":2"#), error("the guest cannot tell"));
}

#[test]
fn output_of_any_length_arrives_whole() {
    // Around the chunk that fits a step, and far beyond.
    for length in (0..1500).step_by(7).chain([100_000]) {
        let mut guest = Guest::default();
        let out: Vec<u8> = (0..length).map(|index| index as u8).collect();
        let err: Vec<u8> = out.iter().rev().copied().collect();
        let exit = Exit { code: Some(0), ..Exit::default() };
        guest.programs.insert(7, Some(Finished { exit, out: out.clone(), err: err.clone() }));
        let status = returned(&call(&mut guest, "guest-exec-status", r#""pid":7"#));
        let status: qapi::qga::GuestExecStatus = serde_json::from_value(status).unwrap();
        assert_eq!(status.out_data.unwrap_or_default(), out);
        assert_eq!(status.err_data.unwrap_or_default(), err);
    }
}
