//! The freeze family and the state between freeze and thaw, as transcripts.

use crate::common::{Guest, TABLES, agent, assert_refused, call, error, guest_with, readable, returns, talk_in};
use nanoqga::{CommandSet, Failure};

/// Asks a guest with three file systems for one command after the other of the same agent.
fn converse(guest: &mut Guest, said: &[(&str, &str)]) {
    let commands = CommandSet::new(TABLES);
    let mut agent = agent(&commands);
    for (request, reply) in said {
        let (command, arguments) = request.split_once(' ').unwrap_or((request, ""));
        let request = format!(r#"{{"execute":"{command}","arguments":{{{arguments}}}}}"#);
        let got = readable(&talk_in(&mut agent, guest, request.as_bytes(), usize::MAX, 4096));
        assert_eq!(got, *reply, "{request}");
    }
}

fn disabled(command: &str) -> String {
    format!(
        "{{\"error\": {{\"class\": \"CommandNotFound\", \"desc\": \
         \"Command {command} has been disabled: the command is not allowed\"}}}}\n"
    )
}

#[test]
fn a_frozen_guest_does_only_what_writes_nothing() {
    let mut guest = guest_with(3, 0, false);
    converse(
        &mut guest,
        &[
            ("guest-fsfreeze-status", &returns("\"thawed\"")),
            ("guest-fsfreeze-freeze", &returns("3")),
            ("guest-fsfreeze-status", &returns("\"frozen\"")),
            ("guest-ping", &returns("{}")),
            ("guest-sync \"id\":1", &returns("1")),
            ("guest-sync-delimited \"id\":1", &format!("<FF>{}", returns("1"))),
            ("guest-fsfreeze-freeze", &disabled("guest-fsfreeze-freeze")),
            ("guest-fsfreeze-freeze-list", &disabled("guest-fsfreeze-freeze-list")),
            ("guest-file-open", &disabled("guest-file-open")),
            ("guest-get-osinfo", &disabled("guest-get-osinfo")),
            ("guest-fsfreeze-thaw", &returns("3")),
            ("guest-fsfreeze-status", &returns("\"thawed\"")),
            ("guest-fsfreeze-thaw", &returns("0")),
            ("guest-get-vcpus", &call(&mut guest_with(3, 0, false), "guest-get-vcpus", "")),
        ],
    );
    assert_eq!(guest.asked, ["freeze None", "thaw", "thaw"]);
}

#[test]
fn info_tells_what_is_enabled_while_frozen() {
    let commands = CommandSet::new(TABLES);
    commands.set_frozen(true);
    let mut agent = agent(&commands);
    let reply = talk_in(&mut agent, &mut Guest::default(), br#"{"execute":"guest-info"}"#, 64, 64);
    let reply: serde_json::Value = serde_json::from_slice(&reply).unwrap();
    let listed = reply["return"]["supported_commands"].as_array().unwrap().iter();
    let mut enabled: Vec<_> =
        listed.filter(|command| command["enabled"] == true).map(|command| command["name"].as_str().unwrap()).collect();
    enabled.sort_unstable();
    assert_eq!(
        enabled,
        [
            "guest-fsfreeze-status",
            "guest-fsfreeze-thaw",
            "guest-info",
            "guest-ping",
            "guest-sync",
            "guest-sync-delimited",
        ]
    );
}

#[test]
fn a_list_freezes_what_it_names() {
    let mut guest = guest_with(3, 0, false);
    converse(
        &mut guest,
        &[
            (r#"guest-fsfreeze-freeze-list "mountpoints":["/mnt/\u00e9","/"]"#, &returns("2")),
            ("guest-fsfreeze-thaw", &returns("2")),
            ("guest-fsfreeze-freeze-list", &returns("3")),
            ("guest-fsfreeze-thaw", &returns("3")),
            (r#"guest-fsfreeze-freeze-list "mountpoints":[]"#, &returns("0")),
            ("guest-fsfreeze-status", &returns("\"thawed\"")),
        ],
    );
    assert_eq!(guest.asked[0], r#"freeze Some(["/mnt/é", "/"])"#);
    assert_eq!(guest.asked[2], "freeze None");
}

#[test]
fn with_nothing_to_freeze_the_guest_stays_thawed() {
    converse(
        &mut Guest::default(),
        &[("guest-fsfreeze-freeze", &returns("0")), ("guest-fsfreeze-status", &returns("\"thawed\""))],
    );
}

#[test]
fn a_freeze_that_fails_leaves_the_guest_thawed_and_a_thaw_that_fails_leaves_it_frozen() {
    let busy = Failure("failed to freeze /: Device or resource busy");
    let mut guest = Guest { refuses: Some(busy), ..guest_with(3, 0, false) };
    converse(
        &mut guest,
        &[("guest-fsfreeze-freeze", &error(busy.0)), ("guest-fsfreeze-status", &returns("\"thawed\""))],
    );
    let commands = CommandSet::new(TABLES);
    commands.set_frozen(true);
    let mut agent = agent(&commands);
    let reply = readable(&talk_in(&mut agent, &mut guest, br#"{"execute":"guest-fsfreeze-thaw"}"#, 64, 64));
    assert_eq!(reply, error(busy.0));
    assert!(commands.is_frozen());
}

#[test]
fn arguments_are_checked() {
    let mut guest = guest_with(3, 0, false);
    for command in ["guest-fsfreeze-status", "guest-fsfreeze-freeze", "guest-fsfreeze-thaw"] {
        assert_refused(&mut guest, command, &[(r#""mountpoints":[]"#, "Parameter 'mountpoints' is unexpected")]);
    }
    assert_refused(
        &mut guest,
        "guest-fsfreeze-freeze-list",
        &[
            (r#""mountpoints":"/""#, "Invalid parameter type for 'mountpoints', expected: array"),
            (r#""mountpoints":["/",1]"#, "Invalid parameter type for 'mountpoints[1]', expected: string"),
            (r#""mountpoint":["/"]"#, "Parameter 'mountpoint' is unexpected"),
        ],
    );
}
