//! The state machine with buffers that are lent to it, and handlers that use what a request leaves of them.

use nanoqga::commands::sync;
use nanoqga::json::writer::Cursor;
use nanoqga::machine::{Lent, Machine};
use nanoqga::{Command, CommandSet, Error, Reply, Request, Step};

/// How much of the reply is out, and how long it is.
#[derive(Default)]
struct Guest {
    cursor: Cursor,
    length: usize,
}

/// Copies its arguments behind the request, and returns them from there, a piece a step.
fn echo(guest: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    assert_eq!(request.command_name(), "example-echo");
    let first = request.step() == 0;
    let (arguments, spare) = request.json_and_spare();
    if first {
        *guest = Guest { cursor: Cursor::new(), length: arguments.len() };
        spare[..arguments.len()].copy_from_slice(arguments);
    }
    let json = &spare[..guest.length];
    reply.json_part(json, &mut guest.cursor);
    Ok(if guest.cursor.is_at_end(json) { Step::Done } else { Step::More })
}

const OWN: &[Command<Guest>] = &[Command::new("example-echo", echo)];
static COMMANDS: CommandSet<Guest> = CommandSet::new(&[sync::commands(), OWN]);

fn ask(request: &str, receive: usize, room: usize) -> String {
    let (mut machine, mut guest) = (Machine::new(), Guest::default());
    let (mut message, mut stage, mut room) = (vec![0; receive], vec![0; 128], vec![0; room]);
    let mut rest = request.as_bytes();
    let mut reply = Vec::new();
    while !rest.is_empty() {
        rest = &rest[machine.receive(&mut message, rest)..];
        loop {
            let lent = Lent { commands: &COMMANDS, message: &mut message, stage: &mut stage };
            match machine.transmit(lent, &mut guest, &mut room) {
                0 => break,
                filled => reply.extend_from_slice(&room[..filled]),
            }
        }
    }
    String::from_utf8(reply).expect("a reply is ASCII")
}

#[test]
fn buffers_may_have_any_size() {
    let request = r#"{"execute":"guest-sync","arguments":{"id":5},"id":"twelve bytes"}"#;
    for receive in [request.len(), 100, 5000] {
        let reply = ask(request, receive, 7);
        assert_eq!(reply, "{\"return\": 5, \"id\": \"twelve bytes\"}\n", "{receive}");
    }
    assert!(ask(request, request.len() - 1, 7).contains("JSON token size limit exceeded"));
}

#[test]
fn a_handler_may_reply_from_what_the_request_leaves_free() {
    let text = "aé😀\\n".repeat(50);
    let request = format!(r#"{{"id": "é", "execute": "example-echo", "arguments": {{"text": "{text}"}}}}"#);
    let ascii = "a\\u00E9\\uD83D\\uDE00\\n".repeat(50);
    for room in [1, 13, 4096] {
        let reply = ask(&request, 1500, room);
        assert_eq!(reply, format!("{{\"return\": {{\"text\":\"{ascii}\"}}, \"id\": \"\\u00E9\"}}\n"), "{room}");
    }
}
