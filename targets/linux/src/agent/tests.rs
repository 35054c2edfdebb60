use std::format;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::string::String;

use nanoqga::commands::sync;
use nanoqga::reply::{Kind, Reply, Step};
use nanoqga::{Command, Error, Request};
use rustix::fd::OwnedFd;

use super::*;

const LONGEST: usize = 64 << 20;

/// How many steps `test-steps` has.
const STEPS: usize = 5;

/// A guest that counts the steps of `test-steps`, and notes what its host has been sent when `test-leave` runs.
struct Guest {
    steps: usize,
    host: UnixStream,
    sent_before: String,
}

const OWN: &[Command<Guest>] =
    &[Command::new("test-steps", steps).to_the_end(), Command::new("test-leave", leave).without_success_reply()];

static COMMANDS: CommandSet<'_, Guest> = CommandSet::new(&[sync::commands(), OWN]);

fn steps(guest: &mut Guest, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    if request.step() == 0 {
        reply.open(Kind::Array)?;
    }
    reply.value(&*"x".repeat(PIECE / 2))?;
    guest.steps += 1;
    Ok(if guest.steps < STEPS { Step::More } else { Step::Done })
}

fn leave(guest: &mut Guest, _: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    guest.sent_before = read(&mut guest.host);
    Ok(Step::Done)
}

/// All that can be read without waiting.
fn read(host: &mut UnixStream) -> String {
    let mut bytes = Vec::new();
    let ended = host.read_to_end(&mut bytes);
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::WouldBlock);
    String::from_utf8(bytes).unwrap()
}

/// An agent, its guest, and the host at the other end of a socket.
struct Pair {
    agent: Agent<'static, Guest>,
    guest: Guest,
    stream: Stream,
    host: UnixStream,
}

impl Pair {
    fn new() -> Self {
        let (host, stream) = UnixStream::pair().unwrap();
        host.set_nonblocking(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        let guest = Guest { steps: 0, host: host.try_clone().unwrap(), sent_before: String::new() };
        Self { agent: Agent::new(&COMMANDS, LONGEST), guest, stream: Stream::new(OwnedFd::from(stream)), host }
    }

    /// Sends all of `text` and reads as long as the agent does something.
    fn say(&mut self, text: &str) -> String {
        let (mut rest, mut replies) = (text.as_bytes(), String::new());
        loop {
            let written = if rest.is_empty() { 0 } else { self.host.write(rest).unwrap_or(0) };
            rest = &rest[written..];
            self.stream.polled(rustix::event::PollFlags::IN | rustix::event::PollFlags::OUT);
            let mut busy = written > 0;
            while self.agent.poll(&mut self.guest, &mut self.stream).unwrap() {
                busy = true;
            }
            replies += &read(&mut self.host);
            if !busy {
                return replies;
            }
        }
    }
}

/// A guest-sync of so many bytes.
fn sync_of(length: usize) -> String {
    let (begin, end) = (r#"{"execute":"guest-sync","arguments":{"id":7},"id":""#, r#""}"#);
    format!("{begin}{}{end}", "x".repeat(length - begin.len() - end.len()))
}

#[test]
fn a_request_may_be_as_long_as_the_longest_and_no_longer() {
    let mut pair = Pair::new();
    for length in [SHORT_REQUEST, SHORT_REQUEST + 1, 88 << 10, 5_000_000, LONGEST] {
        let request = sync_of(length);
        let id = request.split('"').rev().nth(1).unwrap();
        assert!(pair.say(&request) == format!("{{\"return\": 7, \"id\": \"{id}\"}}\n"), "{length}");
        assert_eq!(pair.agent.request.capacity(), SHORT_REQUEST, "{length}");
    }
    let refused = r#"{"error": {"class": "GenericError", "desc": "JSON token size limit exceeded"}}"#;
    assert_eq!(pair.say(&(sync_of(LONGEST + 1) + "\n")), format!("{refused}\n"));
    assert_eq!(pair.agent.request.capacity(), SHORT_REQUEST);
    assert_eq!(pair.say(r#"{"execute":"guest-sync","arguments":{"id":8}}"#), "{\"return\": 8}\n");
}

#[test]
fn half_a_long_request_is_kept_until_the_rest_comes_or_the_host_goes() {
    let mut pair = Pair::new();
    let request = sync_of(60 << 10);
    let (half, rest) = request.split_at(40 << 10);
    assert_eq!(pair.say(half), "");
    assert_eq!(pair.agent.request.len(), 64 << 10);
    assert!(pair.say(rest).starts_with("{\"return\": 7, \"id\": \"xxx"));
    assert_eq!(pair.say(half), "");
    pair.agent.reset(&mut pair.guest);
    assert_eq!(pair.say(r#"{"execute":"guest-sync","arguments":{"id":8}}"#), "{\"return\": 8}\n");
    assert_eq!(pair.agent.request.capacity(), SHORT_REQUEST);
}

#[test]
fn a_command_that_goes_on_to_its_end_does_so_when_its_host_goes() {
    let mut pair = Pair::new();
    pair.host.write_all(br#"{"execute":"test-steps"}"#).unwrap();
    while pair.guest.steps == 0 {
        pair.agent.poll(&mut pair.guest, &mut pair.stream).unwrap();
    }
    assert!(pair.guest.steps < STEPS);
    pair.agent.reset(&mut pair.guest);
    assert_eq!(pair.guest.steps, STEPS);
    read(&mut pair.host);
    assert_eq!(pair.say(r#"{"execute":"guest-sync","arguments":{"id":8}}"#), "{\"return\": 8}\n");
}

#[test]
fn a_command_that_may_not_return_runs_when_the_replies_before_it_are_written() {
    let mut pair = Pair::new();
    let requests = r#"{"execute":"guest-sync","arguments":{"id":8}}{"execute":"test-leave"}"#;
    assert_eq!(pair.say(requests), "");
    assert_eq!(pair.guest.sent_before, "{\"return\": 8}\n");
}
