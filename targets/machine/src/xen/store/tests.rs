//! The client against a store of our own.

use std::collections::{BTreeMap, VecDeque};
use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const ERROR: u32 = 16;
/// How many times a store may be waited for while one message is exchanged.
const PATIENCE: u32 = 20;

/// A store, after the description of the messages.
#[derive(Default)]
struct Fake {
    values: BTreeMap<String, String>,
    watched: Vec<String>,
    request: Vec<u8>,
    said: VecDeque<u8>,
    /// How many bytes it takes and gives at once.
    pieces: usize,
    /// How many times it was waited for since a message began.
    waits: u32,
    /// Whether it puts and takes something only after it was waited for.
    is_slow: bool,
    /// Whether it was waited for since it last did.
    is_ready: bool,
}

impl Fake {
    fn with(values: &[(&str, &str)]) -> Store<Self> {
        let values = values.iter().map(|(path, value)| ((*path).into(), (*value).into())).collect();
        Store::new(Self { values, pieces: 3, ..Self::default() })
    }

    /// How many of `bytes` bytes it puts or takes now.
    fn moves(&mut self, bytes: usize) -> usize {
        match self.is_slow && !core::mem::take(&mut self.is_ready) {
            true => 0,
            false => bytes.min(self.pieces),
        }
    }

    fn say(&mut self, kind: u32, request: u32, body: &[u8]) {
        self.said.extend([kind, request, 0, body.len() as u32].map(u32::to_le_bytes).as_flattened());
        self.said.extend(body);
    }

    /// Answers a request that is whole.
    fn answer(&mut self) {
        let Some((header, body)) = self.request.split_first_chunk::<HEADER>() else { return };
        let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let (kind, request) = (word(0), word(4));
        assert_eq!(word(8), 0, "it is in no transaction");
        let Some(body) = body.get(..word(12) as usize) else { return };
        let body = String::from_utf8(body.into()).unwrap();
        self.request.clear();
        let (path, rest) = body.split_once('\0').unwrap();
        let names: String = self
            .values
            .keys()
            .filter_map(|key| key.strip_prefix(path)?.strip_prefix('/')?.split('/').next())
            .map(|name| std::format!("{name}\0"))
            .collect();
        match (kind, self.values.get(path).cloned()) {
            (READ, Some(value)) => self.say(READ, request, value.as_bytes()),
            (DIRECTORY, _) if !names.is_empty() => self.say(DIRECTORY, request, names.as_bytes()),
            (WRITE, _) => {
                self.values.insert(path.into(), rest.into());
                self.say(WRITE, request, b"OK\0");
            }
            (WATCH, _) => {
                self.watched.push(path.into());
                self.say(WATCH, request, b"OK\0");
                self.say(WATCH_EVENT, 0, std::format!("{path}\0{rest}").as_bytes());
            }
            _ => self.say(ERROR, request, b"ENOENT\0"),
        }
    }
}

impl Wire for Fake {
    fn begin(&mut self) {
        self.waits = 0;
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        let taken = self.moves(bytes.len());
        self.request.extend(&bytes[..taken]);
        self.answer();
        taken
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let given = self.moves(buffer.len()).min(self.said.len());
        for slot in &mut buffer[..given] {
            *slot = self.said.pop_front().unwrap();
        }
        given
    }

    fn wait(&mut self) -> bool {
        self.waits += 1;
        self.is_ready = true;
        self.waits < PATIENCE
    }
}

#[test]
fn values_are_read_listed_and_written() {
    let mut store = Fake::with(&[("device/console/1/name", "other"), ("device/console/2/name", "agent")]);
    let mut room = [0; 16];
    assert_eq!(store.directory(&["device/console"], &mut room), Ok(&b"1\x002\0"[..]));
    assert_eq!(store.read(&["device/console", "/2", "/name"], &mut room), Ok(&b"agent"[..]));
    assert_eq!(store.read(&["device/console/3/name"], &mut room), Err(StoreError::Refused));
    assert_eq!(store.write(&["device/console/2", "/port"], "17"), Ok(()));
    assert_eq!(store.read(&["device/console/2/port"], &mut room), Ok(&b"17"[..]));
}

#[test]
fn a_longer_value_is_cut_and_the_next_one_is_whole() {
    let mut store = Fake::with(&[("a", "0123456789"), ("b", "x")]);
    let mut room = [0; 4];
    assert_eq!(store.read(&["a"], &mut room), Ok(&b"0123"[..]));
    assert_eq!(store.read(&["b"], &mut room), Ok(&b"x"[..]));
}

#[test]
fn watches_call_between_answers_too() {
    let mut store = Fake::with(&[("control/shutdown", "reboot")]);
    assert!(!store.has_called());
    store.watch(&["control/shutdown"]).unwrap();
    assert!(store.has_called(), "a watch calls at once");
    assert!(!store.has_called());
    store.wire.say(WATCH_EVENT, 0, b"control/shutdown\0watch\0");
    assert_eq!(store.read(&["control/shutdown"], &mut [0; 8]), Ok(&b"reboot"[..]));
    assert!(store.has_called());
}

#[test]
fn what_answers_an_earlier_request_is_passed_over() {
    let mut store = Fake::with(&[("a", "1")]);
    store.wire.say(READ, 77, b"lies");
    assert_eq!(store.read(&["a"], &mut [0; 8]), Ok(&b"1"[..]));
}

#[test]
fn a_slow_store_is_waited_for() {
    let mut store = Fake::with(&[("a", "1")]);
    store.wire.pieces = 64;
    store.wire.is_slow = true;
    assert_eq!(store.read(&["a"], &mut [0; 8]), Ok(&b"1"[..]));
    // The waits are for one message, however many there are.
    assert_eq!(store.read(&["a"], &mut [0; 8]), Ok(&b"1"[..]));
    assert_eq!(store.read(&["a"], &mut [0; 8]), Ok(&b"1"[..]));
    assert_eq!(store.read(&["a"], &mut [0; 8]), Ok(&b"1"[..]));
}

#[test]
fn a_slow_call_is_waited_for_as_long_as_any_message() {
    let mut store = Fake::with(&[]);
    store.wire.pieces = 64;
    store.wire.say(WATCH_EVENT, 0, b"control/shutdown\0watch\0");
    (store.wire.is_slow, store.wire.is_ready, store.wire.waits) = (true, true, PATIENCE);
    assert!(store.has_called());
}

#[test]
fn a_store_that_breaks_off_in_a_call_is_not_heard_again() {
    let mut store = Fake::with(&[("a", "1")]);
    store.wire.said.extend(WATCH_EVENT.to_le_bytes());
    assert!(!store.has_called());
    store.wire.say(WATCH_EVENT, 0, b"a\0watch\0");
    let left = store.wire.said.len();
    assert!(!store.has_called());
    assert_eq!(store.read(&["a"], &mut [0; 8]), Err(StoreError::Broken));
    assert_eq!(store.wire.said.len(), left);
}

#[test]
fn what_was_answered_before_is_no_answer_to_the_next_request() {
    let mut store = Fake::with(&[("a", "1"), ("b", "2")]);
    assert_eq!(store.read(&["a"], &mut [0; 8]), Ok(&b"1"[..]));
    store.wire.say(READ, store.requests, b"again");
    assert_eq!(store.read(&["b"], &mut [0; 8]), Ok(&b"2"[..]));
}

#[test]
fn an_event_is_no_answer_whatever_its_number() {
    let mut store = Fake::with(&[("a", "1")]);
    store.wire.say(WATCH_EVENT, 1, b"control/shutdown\0watch\0");
    assert_eq!(store.read(&["a"], &mut [0; 8]), Ok(&b"1"[..]));
    assert!(store.has_called());
}

#[test]
fn a_store_that_only_says_other_things_is_left() {
    let mut store = Fake::with(&[("a", "1")]);
    for _ in 0..EVENTS {
        store.wire.say(WATCH_EVENT, 0, b"a\0watch\0");
    }
    assert_eq!(store.read(&["a"], &mut [0; 8]), Err(StoreError::Broken));
}

#[test]
fn a_request_that_no_message_holds_is_not_sent() {
    let mut store = Fake::with(&[]);
    let longest = "x".repeat(LONGEST as usize);
    assert_eq!(store.write(&[&longest], ""), Err(StoreError::Broken));
    assert!(store.wire.request.is_empty());
}

#[test]
fn a_request_and_an_answer_may_be_as_long_as_a_message() {
    let value = "x".repeat(LONGEST as usize);
    let mut store = Fake::with(&[("a", &value)]);
    let mut room = [0; LONGEST as usize];
    assert_eq!(store.read(&["a"], &mut room), Ok(value.as_bytes()));
    assert_eq!(store.write(&["b"], &value[2..]), Ok(()));
    assert_eq!(store.read(&["b"], &mut room), Ok(&value.as_bytes()[2..]));
}

#[test]
fn a_store_that_does_not_answer_is_not_asked_again() {
    let mut store = Fake::with(&[("a", "1")]);
    store.wire.pieces = 0;
    assert_eq!(store.read(&["a"], &mut [0; 8]), Err(StoreError::Broken));
    store.wire.pieces = 3;
    assert_eq!(store.read(&["a"], &mut [0; 8]), Err(StoreError::Broken));
    assert!(!store.has_called());
}

#[test]
fn a_length_that_no_message_has_is_the_end() {
    let mut store = Fake::with(&[]);
    store.wire.said.extend([READ, 1, 0, LONGEST + 1].map(u32::to_le_bytes).as_flattened());
    assert_eq!(store.read(&["a"], &mut [0; 8]), Err(StoreError::Broken));
}

proptest! {
    #[test]
    fn a_store_that_says_anything_is_survived(said: Vec<Vec<u8>>) {
        let mut store = Fake::with(&[("a", "1")]);
        for said in said {
            store.wire.said.extend(said);
            _ = store.has_called();
            _ = store.read(&["a"], &mut [0; 3]);
        }
    }

    #[test]
    fn messages_of_any_kind_and_number_are_passed_over(messages in prop::collection::vec((0..20u32, 2..9u32, any::<Vec<u8>>()), 0..60)) {
        let mut store = Fake::with(&[("a", "1")]);
        for (kind, request, body) in messages {
            store.wire.say(kind, request, &body);
        }
        let mut room = [0; 3];
        prop_assert_eq!(store.read(&["a"], &mut room), Ok(&b"1"[..]));
    }
}
