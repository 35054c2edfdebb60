//! What a host sends and what it gets, as transcripts.

use crate::common::{COMMANDS, Guest, TABLES, agent, ask, ask_guest, error, readable, talk_in};
use nanoqga::CommandSet;
use nanoqga::commands::power::Shutdown;

#[test]
fn a_request_is_answered_without_a_newline() {
    assert_eq!(ask(br#"{"execute":"guest-ping"}"#), "{\"return\": {}}\n");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let requests = (0..1000).map(|id| format!(r#"{{"execute":"guest-sync","arguments":{{"id":{id}}}}}"#));
    let replies: String = (0..1000).map(|id| format!("{{\"return\": {id}}}\n")).collect();
    assert_eq!(ask(requests.collect::<String>().as_bytes()), replies);
}

#[test]
fn a_proxmox_exchange_is_delimited_by_one_raw_byte() {
    let sent = b"{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":42}}\n{\"arguments\":{},\"execute\":\"guest-ping\"}\n";
    assert_eq!(ask(sent), "<FF>{\"return\": 42}\n{\"return\": {}}\n");
}

#[test]
fn info_lists_what_is_linked() {
    let reply = ask(br#"{"execute":"guest-info","id":1}"#);
    let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
    assert_eq!(reply["id"], 1);
    assert_eq!(reply["return"]["version"], "0.1.0");
    let commands = reply["return"]["supported_commands"].as_array().unwrap();
    assert_eq!(commands.len(), TABLES.iter().map(|table| table.len()).sum::<usize>());
    for command in commands {
        let name = command["name"].as_str().unwrap();
        let expected = serde_json::json!({"name": name, "enabled": true, "success-response": name != "guest-shutdown" && !name.starts_with("guest-suspend")});
        assert_eq!(*command, expected);
    }
}

#[test]
fn policy_disables_with_block_before_allow() {
    let commands =
        CommandSet::new(TABLES).allow(&["guest-ping", "guest-info", "guest-get-time"]).block(&["guest-ping"]);
    let mut agent = agent(&commands);
    let mut guest = Guest::default();
    let mut ask = |request: &[u8]| readable(&talk_in(&mut agent, &mut guest, request, 4096, 4096));
    let disabled = |name| {
        format!(
            "{{\"error\": {{\"class\": \"CommandNotFound\", \"desc\": \
             \"Command {name} has been disabled: the command is not allowed\"}}}}\n"
        )
    };
    assert_eq!(ask(br#"{"execute":"guest-ping"}"#), disabled("guest-ping"));
    assert_eq!(ask(br#"{"execute":"guest-get-osinfo"}"#), disabled("guest-get-osinfo"));
    assert_eq!(ask(br#"{"execute":"guest-get-time"}"#), "{\"return\": 0}\n");
    let info: serde_json::Value = serde_json::from_str(&ask(br#"{"execute":"guest-info"}"#)).unwrap();
    let enabled: Vec<_> = info["return"]["supported_commands"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|command| command["enabled"] == true)
        .map(|command| command["name"].as_str().unwrap())
        .collect();
    assert_eq!(enabled, ["guest-info", "guest-get-time"]);
}

#[test]
fn os_members_that_the_guest_lacks_are_not_sent() {
    assert_eq!(
        ask(br#"{"execute":"guest-get-osinfo"}"#),
        "{\"return\": {\"machine\":\"x86_64\",\"id\":\"nanoqga\",\"name\":\"nanoqga\"}}\n"
    );
    assert_eq!(ask(br#"{"execute":"guest-get-timezone"}"#), "{\"return\": {\"zone\":\"UTC\",\"offset\":0}}\n");
}

#[test]
fn replies_are_ascii_whatever_the_guest_is_called() {
    let mut guest = Guest { host_name: "caf\u{e9} \u{1F600}\"\\\n\u{7f}".into(), ..Guest::default() };
    assert_eq!(
        ask_guest(&mut guest, br#"{"execute":"guest-get-host-name"}"#),
        "{\"return\": {\"host-name\":\"caf\\u00E9 \\uD83D\\uDE00\\\"\\\\\\n\\u007F\"}}\n"
    );
}

#[test]
fn a_guest_that_cannot_says_why() {
    assert_eq!(ask(br#"{"execute":"guest-get-host-name"}"#), error("the guest has no name"));
}

#[test]
fn a_reply_piece_over_the_stage_is_an_error_and_no_torn_line() {
    let mut guest = Guest { host_name: "x".repeat(2000), ..Guest::default() };
    assert_eq!(
        ask_guest(&mut guest, br#"{"execute":"guest-get-host-name"}{"execute":"guest-ping"}"#),
        error("a part of the reply is larger than the agent's buffer") + "{\"return\": {}}\n"
    );
}

#[test]
fn time_is_read_set_and_taken_from_the_machine() {
    let mut guest = Guest { time: 5, machine_time: 1_700_000_000_000_000_000, ..Guest::default() };
    assert_eq!(ask_guest(&mut guest, br#"{"execute":"guest-get-time"}"#), "{\"return\": 5}\n");
    assert_eq!(ask_guest(&mut guest, br#"{"execute":"guest-set-time"}"#), "{\"return\": {}}\n");
    assert_eq!(guest.time, 1_700_000_000_000_000_000);
    assert_eq!(ask_guest(&mut guest, br#"{"execute":"guest-set-time","arguments":{"time":9}}"#), "{\"return\": {}}\n");
    assert_eq!((guest.time, guest.machine_time), (9, 9));
    let (refused, invalid) = ("Failed to set time to guest: Invalid argument", "Invalid time");
    for (time, text) in [
        ("-1", refused),
        ("-999999999", refused),
        ("-1000000000", invalid),
        ("-9223372036854775808", invalid),
        ("3155760000000000000", invalid),
        ("9223372036854775807", invalid),
    ] {
        let request = format!(r#"{{"execute":"guest-set-time","arguments":{{"time":{time}}}}}"#);
        assert_eq!(ask_guest(&mut guest, request.as_bytes()), error(text), "{time}");
    }
    assert_eq!(guest.time, 9);
}

#[test]
fn shutdown_is_silent_on_success_and_answers_failure() {
    let mut guest = Guest::default();
    for (mode, how) in [
        ("", Shutdown::PowerDown),
        (r#""mode":"powerdown""#, Shutdown::PowerDown),
        (r#""mode":"halt""#, Shutdown::Halt),
        (r#""mode":"reboot""#, Shutdown::Reboot),
    ] {
        let request = format!(r#"{{"execute":"guest-shutdown","arguments":{{{mode}}},"id":1}}"#);
        assert_eq!(ask_guest(&mut guest, request.as_bytes()), "");
        assert_eq!(guest.went.pop(), Some(how));
    }
    assert_eq!(
        ask_guest(&mut guest, br#"{"execute":"guest-shutdown","arguments":{"mode":"off"}}"#),
        error("mode is invalid (valid values are: halt|powerdown|reboot")
    );
    guest.power_fails = true;
    assert_eq!(ask_guest(&mut guest, br#"{"execute":"guest-shutdown"}"#), error("the machine has no power switch"));
    assert!(guest.went.is_empty());
}

#[test]
fn the_id_is_echoed_whatever_it_is_and_however_long() {
    let id = format!("[1.5e3,null,{{\"k\":\"{}\"}}]", "\u{20ac}\\\"".repeat(500));
    let reply = ask(format!(r#"{{"execute":"guest-ping","id":{id}}}"#).as_bytes());
    assert_eq!(reply, format!("{{\"return\": {{}}, \"id\": {}}}\n", id.replace('\u{20ac}', "\\u20AC")));
    let reply = ask(format!(r#"{{"execute":"nope","id":{id}}}"#).as_bytes());
    assert!(reply.ends_with(&format!(", \"id\": {}}}\n", id.replace('\u{20ac}', "\\u20AC"))), "{reply}");
}

#[test]
fn a_disconnect_in_the_middle_leaves_a_clean_parser_and_no_old_reply() {
    let mut agent = agent(&COMMANDS);
    let mut guest = Guest::default();
    for half in [r#"{"execute":"guest-"#, r#"{"execute":"guest-ping","id":[1,{"a":"#, r#"{"x":"\ud8"#, "nul", "-"] {
        assert_eq!(talk_in(&mut agent, &mut guest, half.as_bytes(), 1, 64), b"");
        agent.reset();
        assert_eq!(talk_in(&mut agent, &mut guest, br#"{"execute":"guest-ping"}"#, 64, 64), b"{\"return\": {}}\n");
    }
    // The host goes while a reply is half sent: the next host does not get the rest.
    let info = br#"{"execute":"guest-info"}"#;
    assert_eq!(agent.receive(info), info.len());
    assert_eq!(agent.transmit(&mut guest, &mut [0; 100]), 100);
    agent.reset();
    assert_eq!(talk_in(&mut agent, &mut guest, br#"{"execute":"guest-ping"}"#, 64, 64), b"{\"return\": {}}\n");
}

#[test]
fn nothing_is_received_while_a_reply_is_being_sent() {
    let mut agent = agent(&COMMANDS);
    let mut guest = Guest::default();
    let sent = br#"{"execute":"guest-ping"}{"execute":"guest-ping"}"#;
    assert_eq!(agent.receive(sent), sent.len() / 2);
    assert_eq!(agent.receive(&sent[24..]), 0);
    let mut room = [0; 5];
    let mut reply = Vec::new();
    while !agent.is_receiving() {
        let given = agent.transmit(&mut guest, &mut room);
        reply.extend_from_slice(&room[..given]);
        assert_eq!(agent.receive(b""), 0);
    }
    assert_eq!(reply, b"{\"return\": {}}\n");
    assert_eq!(agent.receive(&sent[24..]), 24);
}
