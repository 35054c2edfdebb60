//! Bad input: one clear error for each bad message, and the next good one is answered.

use crate::common::{COMMANDS, Guest, agent_of, ask, error, readable, talk_in};

const PING: &str = r#"{"execute":"guest-ping"}"#;
const PONG: &str = "{\"return\": {}}\n";

#[test]
fn each_bad_message_gets_one_error_and_the_next_good_one_its_answer() {
    let table = [
        ("}", "1:1: JSON parse error, expecting value"),
        ("}}]]", "1:1: JSON parse error, expecting value"),
        ("hello", "1:1: JSON parse error, invalid keyword 'hello'"),
        ("Hello, world", "1:1: JSON parse error, stray 'H'"),
        ("#", "1:1: JSON parse error, stray '#'"),
        (r#"{"execute":}"#, "1:12: JSON parse error, expecting value"),
        (r#"{"execute":"guest-ping",}"#, "1:25: JSON parse error, expecting key"),
        (r#"{"execute" "guest-ping"}"#, "1:12: JSON parse error, expecting ':'"),
        (r#"{"execute":"guest-ping" "id":1}"#, "1:25: JSON parse error, expected ',' or '}'"),
        (r#"{"execute":"guest-ping","id":[1 2]}"#, "1:33: JSON parse error, expected ',' or ']'"),
        (r#"{"execute":"guest-ping","id":[1,]}"#, "1:33: JSON parse error, expecting value"),
        (r#"{"execute":"guest-ping","id":[1}"#, "1:32: JSON parse error, expected ',' or ']'"),
        (r#"{"id":{"a":1],"b":[]}"#, "1:13: JSON parse error, expected ',' or '}'"),
        (r#"{"execute":nope}"#, "1:12: JSON parse error, invalid keyword 'nope'"),
        (r#"{:1}"#, "1:2: JSON parse error, expecting key"),
        (r#"{"a":1,,"b":2}"#, "1:8: JSON parse error, expecting key"),
        (r#"{a:1}"#, "1:2: JSON parse error, expecting key"),
        (r#"{"a"}"#, "1:5: JSON parse error, expecting ':'"),
        (r#"{1:2}"#, "1:2: JSON parse error, expecting key"),
        (r#"{{"a":1}}"#, "1:2: JSON parse error, expecting key"),
        (r#"{"execute":"guest\qping"}"#, "1:12: JSON parse error, invalid escape sequence in string"),
        (r#"{"execute":"\u12"}"#, "1:12: JSON parse error, invalid escape sequence in string"),
        (r#"{"execute":"\ud800"}"#, r"1:12: JSON parse error, \\ud800 is not a valid Unicode character"),
        (r#"{"execute":"\ud800\u0041"}"#, r"1:12: JSON parse error, \\u0041 is not a valid Unicode character"),
        (r#"{"execute":"\udc00"}"#, r"1:12: JSON parse error, \\udc00 is not a valid Unicode character"),
        (r#"{"execute":"guest-ping","id":01}"#, "1:30: JSON parse error, stray '1'"),
        (r#"{"execute":"guest-ping","id":+1}"#, "1:30: JSON parse error, stray '+'"),
        (r#"{"execute":"guest-ping","id":1.}"#, "1:30: JSON parse error, stray '}'"),
        (r#"{"execute":"guest-ping","id":-}"#, "1:30: JSON parse error, stray '}'"),
        (r#"{"execute":"guest-ping","id":.5}"#, "1:30: JSON parse error, stray '.'"),
        (r#"{"execute":%s}"#, "1:12: JSON parse error, stray '%'"),
        ("{\"execute\":\"guest-ping\",\"id\":\"a\tb\"}", r"1:30: JSON parse error, stray '\uFFFD'"),
        ("{\"execute\":\"guest-ping\0\"}", r"1:12: JSON parse error, stray '\uFFFD'"),
        (r#"{"execute":"guest-ping","execute":"guest-info"}"#, "1:35: JSON parse error, duplicate key"),
        (r#"{"execute":"guest-sync","arguments":{"id":1,"id":2}}"#, "1:50: JSON parse error, duplicate key"),
        (r#"{"id":1,"id":2}"#, "1:14: JSON parse error, duplicate key"),
        (
            r#"{"execute":"guest-set-vcpus","arguments":{"vcpus":[{"logical-id":1,"logical-id":1,"online":true}]},"id":3}"#,
            "1:81: JSON parse error, duplicate key",
        ),
        ("5", "QMP input must be a JSON object"),
        ("-0.5e-7", "QMP input must be a JSON object"),
        ("null", "QMP input must be a JSON object"),
        (r#""guest-ping""#, "QMP input must be a JSON object"),
        ("[]", "QMP input must be a JSON object"),
        (r#"[{"execute":"guest-ping"}]"#, "QMP input must be a JSON object"),
        ("{}", "QMP input lacks member 'execute'"),
        (r#"{"execute":5}"#, "QMP input member 'execute' must be a string"),
        (r#"{"execute":"guest-ping","arguments":[]}"#, "QMP input member 'arguments' must be an object"),
        (r#"{"execute":"guest-ping","a\"b":1}"#, r#"QMP input member 'a\"b' is unexpected"#),
        (r#"{"execute":"guest-ping","arguments":{"x":1}}"#, "Parameter 'x' is unexpected"),
        (r#"{"execute":"guest-sync","arguments":{}}"#, "Parameter 'id' is missing"),
        (r#"{"execute":"guest-sync","arguments":{"id":1e3}}"#, "Invalid parameter type for 'id', expected: integer"),
        (r#"{"execute":"guest-sync","arguments":{"id":null}}"#, "Invalid parameter type for 'id', expected: integer"),
    ];
    for (bad, text) in table {
        let reply = ask(format!("{bad}\n{PING}\n").as_bytes());
        assert_eq!(reply, error(text) + PONG, "after {bad}");
    }
}

/// The last byte of the value that is there twice was taken for the first of what follows: a quote for one that opens, a
/// bracket for the next outer one.
#[test]
fn a_member_that_comes_twice_is_skipped_with_all_that_follows_it() {
    // The column is that of the value's last token.
    for (bad, column) in [
        (r#"{"execute":"guest-ping","execute":"guest-ping","id":{"\"":null}}"#, 35),
        (r#"{"id":'a',"id":'b',"x":"'{"}"#, 16),
        (r#"{"execute":"guest-ping","arguments":{},"arguments":{},"id":1}"#, 53),
        (r#"{"id":[],"id":[[1],{"a":[]}],"execute":"guest-ping"}"#, 28),
        (r#"{"id":{},"id":{"a":{}}}"#, 22),
        (r#"{"id":1,"id" :  -1.5e3 ,"x":0}"#, 17),
        (r#"{"id":1,"id":null}"#, 14),
        (r#"{"id":{"a":{"b":1},"b":[{"b":1},{"b":1,"\u0062":2}]}}"#, 49),
    ] {
        let reply = ask(format!("{bad}{PING}\n{PING}").as_bytes());
        let text = format!("1:{column}: JSON parse error, duplicate key");
        assert_eq!(reply, error(&text) + PONG + PONG, "after {bad}");
    }
}

#[test]
fn an_unknown_command_is_not_found() {
    for name in ["guest-bogus", "", "guest-pin", "guest-pingg", r#"a\nb"#] {
        let reply = ask(format!(r#"{{"execute":"{name}"}}"#).as_bytes());
        let desc = format!("The command {name} has not been found");
        assert_eq!(reply, format!("{{\"error\": {{\"class\": \"CommandNotFound\", \"desc\": \"{desc}\"}}}}\n"));
    }
}

#[test]
fn a_message_that_is_not_closed_ends_where_the_next_begins() {
    for half in ["{", r#"{"execute":"guest-"#, "[[[[", r#"{"a":"#, r#"{"a":tru"#, r#"{"a":"\"#] {
        let reply = ask(format!("{half}\n{PING}\n{PING}\n").as_bytes());
        let lines: Vec<_> = reply.lines().collect();
        // Where a line may break the next request is a legal part of the first, and the one after it is answered.
        assert!(
            lines.first().is_some_and(|line| line.starts_with(r#"{"error": {"class": "GenericError""#)),
            "{half}: {reply}"
        );
        assert_eq!(lines.last(), Some(&PONG.trim_end()), "{half}");
    }
}

#[test]
fn a_message_over_the_buffer_gets_one_error() {
    for long in [
        format!(r#"{{"execute":"guest-ping","id":"{}"}}"#, "x".repeat(100_000)),
        format!(r#"{{"execute":"guest-ping","id":"{}"}}"#, r#"\"{"#.repeat(30_000)),
        format!(r#"{{"execute":"guest-ping","id":[{}0]}}"#, "[1,\n2],".repeat(10_000)),
        format!("{{{}\"a\":1}}", (0..10_000).map(|index| format!("\"{index}\":true,")).collect::<String>()),
        "1".repeat(100_000),
    ] {
        assert_eq!(ask(format!("{long}\n{PING}").as_bytes()), error("JSON token size limit exceeded") + PONG);
    }
}

#[test]
fn a_message_too_deep_gets_one_error() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for (depth, text) in [(1024, None), (1025, Some("JSON nesting depth limit exceeded")), (100_000, Some("JSON"))]
        {
            let sent = format!("{}1{}\n{PING}", open.repeat(depth), close.repeat(depth));
            let mut agent = agent_of::<1_000_000, 1024, _>(&COMMANDS);
            let reply = readable(&talk_in(&mut agent, &mut Guest::default(), sent.as_bytes(), 4096, 4096));
            assert!(reply.contains(text.unwrap_or("QMP input")), "{depth}: {reply}");
            assert_eq!(reply.lines().count(), 2);
            assert!(reply.ends_with(PONG));
        }
    }
}

#[test]
fn brackets_that_never_close_are_given_up_at_the_next_message() {
    let sent = format!("{}\n{PING}\n", "[".repeat(100_000));
    assert_eq!(ask(sent.as_bytes()), error("JSON nesting depth limit exceeded") + PONG);
}

#[test]
fn a_reset_byte_drops_what_was_half_read_with_one_error() {
    for at in 0..PING.len() {
        let (before, after) = PING.as_bytes().split_at(at);
        let sent = [before, b"\xFF", PING.as_bytes(), b"\n"].concat();
        let told = error(&format!(r"1:{}: JSON parse error, stray '\uFFFD'", at + 1));
        let expected = if at == 0 { PONG.into() } else { told + PONG };
        assert_eq!(ask(&sent), expected, "at {at}");
        // In the middle of a message the rest is garbage, up to the next line.
        let sent = [before, b"\xFF", after, b"\n", PING.as_bytes()].concat();
        assert!(ask(&sent).ends_with(PONG), "at {at}");
    }
    assert_eq!(ask(b"\xFF\xFF\xFF\n\xFF"), "");
}

#[test]
fn an_invalid_byte_in_text_is_an_error() {
    for bad in
        [&b"\xC3("[..], b"\x80", b"\xC0\x80", b"\xED\xA0\x80", b"\xF4\x90\x80\x80", b"\xF5", b"\xFE", b"\xE2\x82\""]
    {
        let sent = [br#"{"execute":"guest-ping","id":""#, bad, b"\"}\n", PING.as_bytes()].concat();
        assert_eq!(ask(&sent), error("1:30: JSON parse error, invalid UTF-8 sequence in string") + PONG, "{bad:?}");
    }
}

#[test]
fn an_error_text_longer_than_the_stage_is_cut_and_the_line_stays_whole() {
    let name = "x\\\"\u{1F600}".repeat(400);
    let reply = ask(format!(r#"{{"execute":"{name}","id":7}}"#).as_bytes());
    let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
    assert_eq!(reply["id"], 7);
    assert_eq!(reply["error"]["class"], "CommandNotFound");
    assert!(reply["error"]["desc"].as_str().unwrap().starts_with("The command x\"\u{1F600}x"));
}
