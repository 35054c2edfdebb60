//! The scanner: what it takes for a message is JSON for others too, with the same members, however it came in.
#![no_main]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::iter;

use fuzz::{parts, pieces, sizes};
use libfuzzer_sys::fuzz_target;
use nanoqga::json::Span;
use nanoqga::json::members::MAX_MEMBERS;
use nanoqga::json::scanner::{Envelope, RESET, Scanner};
use nanoqga::json::syntax::{Problem, Syntax};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The longest message.
const ROOM: usize = 4096;
/// How many names of open objects the scanner keeps.
const NAMES: usize = 64;

/// What a message is stored as.
#[derive(Debug, PartialEq)]
struct Message {
    text: String,
    envelope: Envelope,
    /// Names and values.
    members: Vec<(Span, Span)>,
}

impl Message {
    fn at(&self, span: Span) -> &str {
        &self.text[span.start()..span.end()]
    }
}

/// A message or a problem, and how many bytes came before the one that showed it.
type Outcome = (usize, Result<Message, Syntax>);

fuzz_target!(|input: &[u8]| {
    let Some((settings, sent)) = parts(input) else { return };
    let [small, sizes_of_pieces @ ..] = settings;
    let (room, most) = if small % 2 == 0 { (ROOM, ROOM) } else { (usize::from(*small), usize::from(*small)) };
    let whole = scan([sent].into_iter(), room, most);
    assert_eq!(whole, scan(pieces(sent, sizes(sizes_of_pieces)), room, most));
    if most == ROOM {
        assert_eq!(whole, scan([sent].into_iter(), usize::from(*small), most), "in memory that grows");
    }
    for (_, message) in &whole {
        if let Ok(message) = message {
            assert_is_json(message);
        }
    }
    let sent_with_end = [sent, b"\n"].concat();
    for (place, outcome) in &whole {
        if let Err(syntax) = outcome {
            assert_is_inside(&sent_with_end, *place, *syntax);
        }
    }
    assert_values_are_understood(sent, &whole);
});

/// All that comes out of `pieces`, and a line's end after them, in memory that grows from `room` to `most` bytes.
fn scan<'a>(pieces: impl Iterator<Item = &'a [u8]>, room: usize, most: usize) -> Vec<Outcome> {
    let mut scanner = Scanner::new();
    let mut outcomes = Vec::new();
    let mut before = 0;
    // What is not stored over is white space, so that all of the store is a text with one value.
    let mut store = vec![b' '; room];
    for mut bytes in pieces.chain([&b"\n"[..]]) {
        while !bytes.is_empty() {
            let (taken, outcome) = scanner.push(bytes, &mut store);
            assert!(taken > 0 || outcome.is_some(), "it must get on");
            bytes = &bytes[taken..];
            before += taken;
            let Some(outcome) = outcome else { continue };
            if let Err(syntax @ Syntax { problem: Problem::TooLarge, .. }) = outcome {
                if store.len() < most {
                    store.resize((store.len() * 2 + 1).min(most), b' ');
                    continue;
                }
                assert_eq!(scanner.refuse(), syntax);
            }
            let message = outcome.map(|envelope| Message {
                text: std::str::from_utf8(&store).expect("what is stored is text").trim_end_matches(' ').to_owned(),
                envelope,
                members: (0..).map_while(|index| scanner.members().get(index)).collect(),
            });
            // The byte that resets is taken, what else is wrong is not.
            let resets = matches!(message, Err(Syntax { problem: Problem::Stray(RESET), .. }));
            outcomes.push((before - usize::from(resets), message));
            store.fill(b' ');
        }
    }
    outcomes
}

fn assert_is_json(message: &Message) {
    let Message { text, envelope, members } = message;
    serde_json::from_str::<IgnoredAny>(text).expect("a message is JSON");
    assert_eq!(envelope.is_object, text.starts_with('{'));
    if !envelope.is_object {
        assert_eq!(members, &[]);
        return;
    }
    let outermost: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).expect("it is an object");
    for (name, span) in [("execute", envelope.execute), ("arguments", envelope.arguments), ("id", envelope.id)] {
        assert_eq!(span.map(|span| message.at(span)), outermost.get(name).map(|value| value.get()), "{name} of {text}");
    }
    let known = ["execute", "arguments", "id"];
    let has_others = outermost.keys().any(|name| !known.contains(&&**name));
    assert_eq!(envelope.unexpected.is_some(), has_others, "{text}");

    let arguments = outermost.get("arguments").map_or("null", |value| value.get());
    let Members(expected) = serde_json::from_str(arguments).unwrap_or_default();
    assert_eq!(members.len(), expected.len().min(MAX_MEMBERS), "{text}");
    for ((name, value), (expected_name, expected_value)) in members.iter().zip(&expected) {
        let name: String = serde_json::from_str(&format!("\"{}\"", message.at(*name))).expect("a name is a string");
        assert_eq!((&name, message.at(*value)), (expected_name, expected_value.get()), "{text}");
    }
}

/// The members of an object, in order.
#[derive(Default)]
struct Members<'de>(Vec<(String, &'de RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                iter::from_fn(|| map.next_entry().transpose()).collect::<Result<_, _>>().map(Members)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The place that is told lies in `sent`, where a problem shows at the byte `shown`.
fn assert_is_inside(sent: &[u8], shown: usize, Syntax { problem, line, column }: Syntax) {
    if matches!(problem, Problem::TooLarge | Problem::TooDeep) {
        // Nobody is told their places.
        return;
    }
    let is_space = |byte: &u8| b" \t\r\n".contains(byte);
    // It is where a token begins, and no token goes over the end of a line.
    let mut lines = sent[..shown].rsplit(|byte| *byte == b'\n');
    let before = lines.next().expect("a byte is in a line");
    let (line, column) = (line as usize, column as usize);
    assert!((1..=before.len() + 1).contains(&column), "column {column} is not before byte {shown}");
    if let Some(lines_before) = line.checked_sub(2) {
        let token = shown - before.len() + column - 1;
        assert!(token == shown || !is_space(&sent[token]), "{line}:{column} is not where a token begins");
        let first = lines.nth(lines_before).expect("the message has as many lines");
        assert!(!first.iter().all(is_space), "line {line} does not count from the message's first byte");
    } else {
        assert_eq!(line, 1);
    }
}

/// Whatever serde_json reads, the scanner reads as the same. It finds every member that comes twice, if not too many names are
/// open.
fn assert_values_are_understood(sent: &[u8], outcomes: &[Outcome]) {
    let values = serde_json::Deserializer::from_slice(sent).into_iter::<&RawValue>().map_while(Result::ok);
    for (index, text) in values.enumerate() {
        // Too deep for it, or a number that is too large.
        let Ok(value) = serde_json::from_str::<Value>(text.get()) else { return };
        let mut names = Names::default();
        let unique = names.deserialize(&mut serde_json::Deserializer::from_str(text.get())).is_ok();
        match outcomes.get(index) {
            Some((_, Ok(message))) => {
                assert_eq!(serde_json::from_str::<Value>(&message.text).expect("it is JSON"), value);
                assert!(unique || names.most > NAMES, "a member comes twice in {text}");
            }
            // What comes after is another matter.
            Some((_, Err(Syntax { problem: Problem::DuplicateMember, .. }))) => {
                assert!(!unique, "no member comes twice in {text}");
                return;
            }
            Some((_, Err(Syntax { problem: Problem::TooLarge, .. }))) => return,
            other => panic!("{value} is {other:?}"),
        }
    }
}

/// How many names of open objects there are at once, until a member comes twice.
#[derive(Default)]
struct Names {
    open: usize,
    most: usize,
}

impl<'de> DeserializeSeed<'de> for &mut Names {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Names {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no member that comes twice")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member comes twice"));
            }
            self.open += 1;
            self.most = self.most.max(self.open);
            map.next_value_seed(&mut *self)?;
        }
        self.open -= names.len();
        Ok(())
    }
}
