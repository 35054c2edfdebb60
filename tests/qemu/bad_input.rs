//! Input that is no request: one clear error for each bad message, and the next good one is answered.

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::shown;
use nanoqga_testkit::machine::Channel;
use serde_json::{Value, json};
use tests::booted::{resynchronise, synchronise};
use tests::hostile::Noise;
use tests::{Booted, soon};

const PING: &[u8] = br#"{"execute":"guest-ping","id":"after"}"#;
const PONG: &[u8] = br#"{"return": {}, "id": "after"}"#;

/// A bad message and the one line that answers it: its error's class and text.
struct Bad {
    what: &'static str,
    message: Vec<u8>,
    class: &'static str,
    says: &'static str,
}

fn bad_messages() -> Vec<Bad> {
    let generic = |what, message: Vec<u8>, says| Bad { what, message, class: "GenericError", says };
    let long = format!("{{\"execute\":\"guest-ping\",\"id\":\"{}\"}}\n", "x".repeat(10_000));
    vec![
        generic("a missing value", b"{\"execute\":}\n".to_vec(), "1:12: JSON parse error, expecting value"),
        generic("a missing colon", b"{\"execute\" \"guest-ping\"}\n".to_vec(), "1:12: JSON parse error, expecting ':'"),
        generic("a line of words", b"hello there\n".to_vec(), "1:1: JSON parse error, invalid keyword 'hello'"),
        generic("no object", b"[1, 2]\n".to_vec(), "QMP input must be a JSON object"),
        generic("no command", b"{}\n".to_vec(), "QMP input lacks member 'execute'"),
        Bad {
            what: "an unknown command",
            message: b"{\"execute\":\"guest-bogus\"}\n".to_vec(),
            class: "CommandNotFound",
            says: "The command guest-bogus has not been found",
        },
        generic("a message over the buffer", long.into_bytes(), "JSON token size limit exceeded"),
        generic("open brackets", deep("[", "\n"), "JSON nesting depth limit exceeded"),
        generic("brackets that close", deep("[", &("]".repeat(100_000) + "\n")), "JSON nesting depth limit exceeded"),
        generic("open objects", deep("{\"a\":", "\n"), "JSON token size limit exceeded"),
        generic("a 0xFF in a key", b"{\"exec\xff\n".to_vec(), "1:7: JSON parse error, stray '\u{fffd}'"),
        generic(
            "a 0xFF in a value",
            b"{\"execute\":\"guest-ping\",\"id\":1\xff\n".to_vec(),
            "1:31: JSON parse error, stray '\u{fffd}'",
        ),
        generic(
            "a 0xFF before the end",
            b"{\"execute\":\"guest-ping\"\xff".to_vec(),
            "1:24: JSON parse error, stray '\u{fffd}'",
        ),
        generic(
            "a string that is not UTF-8",
            b"{\"execute\":\"guest-\xc3\x28\"}\n".to_vec(),
            "1:12: JSON parse error, invalid UTF-8 sequence in string",
        ),
    ]
}

fn deep(open: &str, end: &str) -> Vec<u8> {
    (open.repeat(100_000) + end).into_bytes()
}

#[test]
fn each_bad_message_gets_one_clear_error_over_virtio() -> Result<()> {
    one_error_each("q35", Channel::Virtio)
}

#[test]
fn each_bad_message_gets_one_clear_error_over_a_uart() -> Result<()> {
    one_error_each("microvm", Channel::Com2)
}

#[test]
fn each_bad_message_gets_one_clear_error_on_other_architectures() -> Result<()> {
    for machine in ["riscv64-virt", "aarch64-virt"] {
        one_error_each(machine, Channel::Virtio)?;
        one_error_each(machine, Channel::Com2)?;
    }
    Ok(())
}

fn one_error_each(machine: &str, channel: Channel) -> Result<()> {
    let Booted { mut agent, guest: _guest } = Booted::new(machine, channel)?;
    for Bad { what, message, class, says } in bad_messages() {
        agent.send(&message, soon())?;
        let line = agent.line(soon()).with_context(|| format!("{what} got no reply"))?;
        let reply: Value = serde_json::from_slice(&line)?;
        ensure!(reply["error"]["class"] == class, "{what} was answered by {reply}");
        ensure!(reply["error"]["desc"] == says, "{what} was answered by {reply}");
        agent.send(PING, soon())?;
        let next = agent.line(soon()).with_context(|| format!("nothing came after {what}"))?;
        ensure!(next == PONG, "after {what}, a good request was answered by {}", next.escape_ascii());
    }
    synchronise(&mut agent, 2)
}

#[test]
fn a_0xff_between_messages_is_silent() -> Result<()> {
    let Booted { mut agent, guest: _guest } = Booted::new("q35", Channel::Virtio)?;
    agent.send(&[b"\xff\xff\n\xff".as_slice(), PING, b"\xff\xff", PING, b"\n\xff"].concat(), soon())?;
    for _ in 0..2 {
        ensure!(agent.line(soon())? == PONG);
    }
    synchronise(&mut agent, 2)
}

#[test]
fn after_random_bytes_a_host_gets_in_step_again() -> Result<()> {
    for (machine, channel) in [("q35", Channel::Virtio), ("microvm", Channel::Com2)] {
        let Booted { mut agent, guest: _guest } = Booted::new(machine, channel)?;
        let mut noise = Noise::new(1);
        for id in 1..=100 {
            let length = noise.below(500);
            let bytes = noise.bytes(length);
            agent.send(&bytes, soon())?;
            for line in resynchronise(&mut agent, id)? {
                let reply: Value = serde_json::from_slice(&line)
                    .with_context(|| format!("{} was answered by {}", shown(&bytes), line.escape_ascii()))?;
                ensure!(reply["error"]["class"] == "GenericError", "{} was answered by {reply}", shown(&bytes));
            }
            synchronise(&mut agent, id)?;
        }
    }
    Ok(())
}

#[test]
fn bad_requests_among_good_ones_are_answered_in_their_order() -> Result<()> {
    let Booted { mut agent, guest: _guest } = Booted::new("q35", Channel::Virtio)?;
    let mut requests = Vec::new();
    for id in 0..300 {
        requests.extend(format!("{{\"execute\":\"guest-ping\",\"id\":{id}}}\n{{\"execute\":nope}}\n").bytes());
    }
    agent.send(&requests, soon())?;
    for id in 0..300 {
        let good: Value = serde_json::from_slice(&agent.line(soon())?)?;
        ensure!(good == json!({"return": {}, "id": id}), "reply {id}: {good}");
        let bad: Value = serde_json::from_slice(&agent.line(soon())?)?;
        ensure!(bad["error"]["class"] == "GenericError", "error {id}: {bad}");
    }
    synchronise(&mut agent, 2)
}
