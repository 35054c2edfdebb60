//! The reply writer: no sequence of its calls yields invalid JSON.

use std::collections::BTreeMap;

use crate::common::{agent_of, hear};
use nanoqga::json::text::plain;
use nanoqga::{Command, CommandSet, Error, Kind, Reply, Request, Step};
use proptest::prelude::*;
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// A call of the writer.
#[derive(Clone, Debug)]
enum Call {
    Value(Content),
    Member(String, Content),
    Open(Kind),
    OpenMember(String, Kind),
    Close,
    Text(String, usize),
    Base64(usize, usize),
    /// Some calls, which are taken back if so.
    Attempt(Vec<Self>, bool),
    /// The end of a step.
    Next,
    Delimit,
}

/// A value, well or badly serialized.
#[derive(Clone, Debug)]
enum Content {
    Nothing,
    Number(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    /// A map whose keys and values come in any order: true is a key.
    Disorder(Vec<bool>),
    /// A map with a number for a key.
    BadKey,
    /// A list that goes on after an element that does not fit.
    Careless(usize),
    Failing,
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_none(),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Map(map) => serializer.collect_map(map),
            Self::Disorder(parts) => {
                let mut map = serializer.serialize_map(None)?;
                for is_key in parts {
                    // Errors are for the serializer to remember.
                    let _ = if *is_key { map.serialize_key("key") } else { map.serialize_value(&1) };
                }
                map.end()
            }
            Self::BadKey => serializer.collect_map([(1, 2)]),
            Self::Careless(length) => {
                let mut list = serializer.serialize_seq(None)?;
                let _ = match length % 2 {
                    0 => list.serialize_element(&Self::Failing),
                    _ => list.serialize_element(&"x".repeat(*length)),
                };
                let _ = list.serialize_element(&1);
                list.end()
            }
            Self::Failing => Err(S::Error::custom("it has no JSON")),
        }
    }
}

struct Guest {
    calls: Vec<Call>,
    next: usize,
}

fn write(guest: &mut Guest, _: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    while let Some(call) = guest.calls.get(guest.next) {
        guest.next += 1;
        if matches!(call, Call::Next) {
            return Ok(Step::More);
        }
        make(reply, call);
    }
    Ok(Step::Done)
}

fn make(reply: &mut Reply<'_>, call: &Call) {
    // What is refused is not written.
    match call {
        Call::Value(content) => _ = reply.value(content),
        Call::Member(name, content) => _ = reply.member(name, content),
        Call::Open(kind) => _ = reply.open(*kind),
        Call::OpenMember(name, kind) => _ = reply.open_member(name, *kind),
        Call::Close => reply.close(),
        Call::Text(text, reserve) => assert!(reply.text_part(text, *reserve) <= text.len()),
        Call::Base64(length, reserve) => {
            let source = |room: &mut [u8]| if *length > 200 { Err(()) } else { Ok(room.len().min(*length)) };
            let _ = reply.base64_part(*reserve, source);
        }
        Call::Attempt(calls, fails) => {
            let _ = reply.attempt(|reply| {
                calls.iter().for_each(|call| make(reply, call));
                if *fails { Err(()) } else { Ok(()) }
            });
        }
        Call::Delimit => reply.delimit(),
        Call::Next => {}
    }
}

fn content() -> impl Strategy<Value = Content> {
    let leaf = prop_oneof![
        Just(Content::Nothing),
        any::<i64>().prop_map(Content::Number),
        any::<f64>().prop_map(Content::Float),
        any::<String>().prop_map(Content::Text),
        proptest::collection::vec(any::<bool>(), 0..5).prop_map(Content::Disorder),
        Just(Content::BadKey),
        (0usize..200).prop_map(Content::Careless),
        Just(Content::Failing),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Content::List),
            proptest::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Content::Map),
        ]
    })
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let kind = || prop_oneof![Just(Kind::Object), Just(Kind::Array), Just(Kind::Text)];
    let call = prop_oneof![
        3 => content().prop_map(Call::Value),
        3 => ("[a-z\"\\\\]{0,9}", content()).prop_map(|(name, content)| Call::Member(name, content)),
        4 => kind().prop_map(Call::Open),
        3 => ("[a-z]{0,3}", kind()).prop_map(|(name, kind)| Call::OpenMember(name, kind)),
        3 => Just(Call::Close),
        2 => (any::<String>(), 0usize..300).prop_map(|(text, reserve)| Call::Text(text, reserve)),
        1 => (0usize..210, 0usize..300).prop_map(|(length, reserve)| Call::Base64(length, reserve)),
        4 => Just(Call::Next),
        1 => Just(Call::Delimit),
    ];
    let call = call.prop_recursive(2, 8, 4, |inner| {
        (proptest::collection::vec(inner, 0..4), any::<bool>()).prop_map(|(calls, fails)| Call::Attempt(calls, fails))
    });
    proptest::collection::vec(call, 0..40)
}

fn reply_of(calls: Vec<Call>, room: usize, packed: bool) -> Vec<u8> {
    let command = Command::new("example-write", write);
    let table = [if packed { command.packed() } else { command }];
    let tables = [&table[..]];
    let commands = CommandSet::new(&tables);
    let mut agent = agent_of::<128, 128, _>(&commands);
    hear(&mut agent, br#"{"execute":"example-write","id":{"a":[1,"b"]}}"#);
    let mut guest = Guest { calls, next: 0 };
    let (mut room, mut reply) = (vec![0; room], Vec::new());
    loop {
        match agent.transmit(&mut guest, &mut room) {
            0 => return reply,
            filled => reply.extend_from_slice(&room[..filled]),
        }
    }
}

proptest! {
    #[test]
    fn no_sequence_of_calls_yields_invalid_json(calls in calls(), room in 1usize..100, packed: bool) {
        let reply = reply_of(calls, room, packed);
        let json: Vec<u8> = reply.iter().copied().filter(|byte| *byte != 0xFF).collect();
        let line = json.strip_suffix(b"\n").expect("it is a line");
        prop_assert!(line.iter().all(|byte| (0x20..0x7F).contains(byte)));
        let parsed: serde_json::Value = serde_json::from_slice(line).map_err(|error| {
            TestCaseError::fail(format!("{error}: {}", line.escape_ascii()))
        })?;
        prop_assert_eq!(&parsed["id"], &serde_json::json!({"a": [1, "b"]}));
        prop_assert!(!parsed["return"].is_null() || parsed.get("return").is_some());
    }
}

#[test]
fn nothing_nests_deeper_than_may_be() {
    let calls = std::iter::repeat_n(Call::Open(Kind::Array), 40).collect();
    let reply = reply_of(calls, 64, false);
    let expected = format!("{{\"return\": {}{}, \"id\": {{\"a\":[1,\"b\"]}}}}\n", "[".repeat(31), "]".repeat(31));
    assert_eq!(String::from_utf8_lossy(&reply), expected);
}

#[test]
fn plain_text_ends_at_the_first_byte_that_does_not_stand_for_itself() {
    for length in 0..40 {
        let text = vec![b'x'; length];
        assert_eq!(plain(&text, b'\''), length);
        for place in 0..length {
            for byte in 0..=255 {
                let mut text = text.clone();
                text[place] = byte;
                // What comes after it does not matter.
                text[length - 1] = if place + 1 < length { b'"' } else { byte };
                let stands = matches!(byte, 0x20..=0x7F) && !br#""\'"#.contains(&byte);
                let end = if place + 1 < length { length - 1 } else { length };
                assert_eq!(plain(&text, b'\''), if stands { end } else { place }, "byte {byte} at {place} of {length}");
            }
        }
    }
}
