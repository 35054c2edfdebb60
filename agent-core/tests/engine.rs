//! The engine with commands and memory that are lent to it, and handlers that use what a request leaves of that memory.

use nanoqga::commands::sync;
use nanoqga::engine::Received;
use nanoqga::{Command, CommandSet, Engine, Error, Memory, Reply, Request, Step};

/// Replies with its arguments, which it copies behind the request and has checked there.
fn echo(_: &mut (), request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    assert_eq!(request.command_name(), "example-echo");
    let (arguments, spare) = request.json_and_spare();
    let length = arguments.len();
    spare[..length].copy_from_slice(arguments);
    request.check_json(length)?;
    Ok(Step::Checked)
}

/// Replies with what its argument `json` says, valid or not.
fn say(_: &mut (), request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    request.decode_base64("json")?;
    let json = request.decoded().to_vec();
    request.json_and_spare().1[..json.len()].copy_from_slice(&json);
    request.check_json(json.len())?;
    Ok(Step::Checked)
}

/// Says that a reply was checked, which is not true.
fn lie(_: &mut (), _: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    Ok(Step::Checked)
}

const OWN: &[Command<()>] =
    &[Command::new("example-echo", echo), Command::new("example-say", say), Command::new("example-lie", lie)];
static COMMANDS: CommandSet<()> = CommandSet::new(&[sync::commands(), OWN]);

fn ask(request: &str, receive: usize, room: usize) -> String {
    let mut engine = Engine::new();
    let (mut request_memory, mut stage, mut room) = (vec![0; receive], vec![0; 128], vec![0; room]);
    let mut rest = request.as_bytes();
    let mut reply = Vec::new();
    while !rest.is_empty() {
        let mut memory = Memory { request: &mut request_memory, reply: &mut stage };
        match engine.receive(&mut memory, rest) {
            Received::Taken(taken) => rest = &rest[taken..],
            Received::NeedsRoom => engine.refuse(),
        }
        loop {
            match engine.transmit(&COMMANDS, &mut memory, &mut (), &mut room) {
                0 => break,
                filled => reply.extend_from_slice(&room[..filled]),
            }
        }
    }
    String::from_utf8(reply).expect("a reply is ASCII")
}

#[test]
fn memory_may_have_any_size() {
    let request = r#"{"execute":"guest-sync","arguments":{"id":5},"id":"twelve bytes"}"#;
    for receive in [request.len(), 100, 5000] {
        let reply = ask(request, receive, 7);
        assert_eq!(reply, "{\"return\": 5, \"id\": \"twelve bytes\"}\n", "{receive}");
    }
    assert!(ask(request, request.len() - 1, 7).contains("JSON token size limit exceeded"));
}

/// Longer memory begins with the same bytes; the request does not notice.
#[test]
fn memory_may_grow_in_the_middle_of_a_request() {
    let id = "é\\n".repeat(300);
    for request in [
        format!(r#"{{"execute":"guest-sync","arguments":{{"id":-12345678901}},"id":"{id}"}}"#),
        format!(r#"{{"id":[true,[null,-1.5e+7]],'execute':"guest-sync","arguments":{{"id":7,"{id}":0}}}}"#),
    ] {
        let mut engine = Engine::new();
        let (mut stored, mut stage) = (vec![0; 1], vec![0; 128]);
        let mut rest = request.as_bytes();
        while !rest.is_empty() {
            let mut memory = Memory { request: &mut stored, reply: &mut stage };
            match engine.receive(&mut memory, rest) {
                Received::Taken(taken) => rest = &rest[taken..],
                Received::NeedsRoom => stored.push(0),
            }
        }
        let mut grown = [0; 4096];
        let mut memory = Memory { request: &mut stored, reply: &mut stage };
        let filled = engine.transmit(&COMMANDS, &mut memory, &mut (), &mut grown);
        let grown = String::from_utf8(grown[..filled].to_vec()).expect("a reply is ASCII");
        assert_eq!(grown, ask(&request, 5000, 4096));
    }
}

#[test]
fn a_handler_may_reply_from_what_the_request_leaves_free() {
    let text = "aé😀\\n".repeat(50);
    let request = format!(r#"{{"id": "é", "execute": "example-echo", "arguments": {{"text": "{text}"}}}}"#);
    let ascii = "a\\u00E9\\uD83D\\uDE00\\n".repeat(50);
    for room in [1, 13, 4096] {
        let reply = ask(&request, 2500, room);
        assert_eq!(reply, format!("{{\"return\": {{\"text\":\"{ascii}\"}}, \"id\": \"\\u00E9\"}}\n"), "{room}");
    }
}

#[test]
fn json_of_a_handler_goes_out_only_if_it_is_one_valid_value() {
    use oracle::Engine as _;
    let say = |json: &str, receive| {
        let json = oracle::engine::general_purpose::STANDARD.encode(json);
        ask(&format!(r#"{{"execute":"example-say","arguments":{{"json":"{json}"}},"id":1}}"#), receive, 64)
    };
    for (json, sent) in [
        ("5", "5"),
        (" { 'a' : [ 1 , 2 ] } ", r#"{"a":[1,2]}"#),
        ("\"\u{e9}\"", r#""\u00E9""#),
        ("null", "null"),
        ("[]", "[]"),
    ] {
        assert_eq!(say(json, 1000), format!("{{\"return\": {sent}, \"id\": 1}}\n"));
    }
    for json in ["", "1,2", "1][2", "]", "[", "{\"a\":1,\"a\":2}", "nope", "1}", "\u{ff}\"", "\"", "[1]]"] {
        let refused = r#""desc": "the command's reply is not valid JSON, or is too large"}, "id": 1}"#;
        assert!(say(json, 1000).trim_end().ends_with(refused), "{json}: {}", say(json, 1000));
    }
    // The next request is not read as the rest of what was refused.
    let sync = r#"{"execute":"guest-sync","arguments":{"id":9}}"#;
    let two = ask(&format!(r#"{{"execute":"example-say","arguments":{{"json":"ew=="}}}}{sync}"#), 1000, 64);
    assert!(two.ends_with("}\n{\"return\": 9}\n"), "{two}");
    assert!(say(&"7".repeat(200), 600).contains("too large"));
    assert_eq!(ask(r#"{"execute":"example-lie"}"#, 128, 64), "{\"return\": {}}\n");
}

#[test]
fn an_engine_is_small() {
    assert!(size_of::<Engine<()>>() <= 1536, "{}", size_of::<Engine<()>>());
}
