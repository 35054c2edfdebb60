//! The scanner: what it takes for a message is JSON for others too, with the same members, however it came in.
#![no_main]

use std::borrow::Cow;
use std::collections::BTreeMap;

use fuzz::{parts, pieces, sizes};
use libfuzzer_sys::fuzz_target;
use nanoqga::json::Span;
use nanoqga::json::scanner::{Envelope, Problem, Scanner};
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

/// A message as text, its members, and its longest string.
type Outcome = Result<(String, Envelope, Span), Problem>;

fuzz_target!(|input: &[u8]| {
    let Some((settings, sent)) = parts(input) else { return };
    let [small, sizes_of_pieces @ ..] = settings;
    let room = if small % 2 == 0 { 4096 } else { usize::from(*small) };
    let whole = scan([sent].into_iter(), room);
    assert_eq!(whole, scan(pieces(sent, sizes(sizes_of_pieces)), room));
    for (text, envelope, longest) in whole.iter().flatten() {
        assert_is_json(text, envelope);
        assert_is_string(text, *longest);
    }
    assert_values_are_understood(sent, &whole);
});

/// All that comes out of `pieces`, and a line's end after them.
fn scan<'a>(pieces: impl Iterator<Item = &'a [u8]>, room: usize) -> Vec<Outcome> {
    let mut scanner = Scanner::new();
    let mut outcomes = Vec::new();
    // What is not stored over is white space, so that all of the store is a text with one value.
    let mut store = vec![b' '; room];
    for mut bytes in pieces.chain([&b"\n"[..]]) {
        while !bytes.is_empty() {
            let (taken, outcome) = scanner.push(bytes, &mut store);
            assert!(taken > 0 || outcome.is_some(), "it must get on");
            bytes = &bytes[taken..];
            outcomes.extend(outcome.map(|outcome| {
                let envelope = outcome?;
                let text = std::str::from_utf8(&store).expect("what is stored is text").to_owned();
                Ok((text, envelope, scanner.longest()))
            }));
            if outcome.is_some() {
                store.fill(b' ');
            }
        }
    }
    outcomes
}

fn assert_is_json(text: &str, envelope: &Envelope) {
    serde_json::from_str::<IgnoredAny>(text).expect("a message is JSON");
    assert_eq!(envelope.is_object, text.starts_with('{'));
    if !envelope.is_object {
        return;
    }
    let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).expect("it is an object");
    let at = |span: Span| &text[span.start()..span.end()];
    for (name, span) in [("execute", envelope.execute), ("arguments", envelope.arguments), ("id", envelope.id)] {
        assert_eq!(span.map(at), members.get(name).map(|value| value.get()), "{name} of {text}");
    }
    let known = ["execute", "arguments", "id"];
    let has_others = members.keys().any(|name| !known.contains(&&**name));
    assert_eq!(envelope.unexpected.is_some(), has_others, "{text}");
}

/// In an object or an array; elsewhere nobody looks for one.
fn assert_is_string(text: &str, longest: Span) {
    if text.starts_with(['{', '[']) && longest.length() > 0 {
        serde_json::from_str::<String>(&text[longest.start()..longest.end()]).expect("it is a string");
    }
}

/// Whatever serde_json reads, the scanner reads as the same.
fn assert_values_are_understood(sent: &[u8], outcomes: &[Outcome]) {
    let values = serde_json::Deserializer::from_slice(sent).into_iter::<Value>().map_while(Result::ok);
    for (index, value) in values.enumerate() {
        match outcomes.get(index) {
            Some(Ok((text, ..))) => assert_eq!(serde_json::from_str::<Value>(text).expect("it is JSON"), value),
            // serde_json takes both, and what comes after is another matter.
            Some(Err(Problem::TooLarge | Problem::DuplicateMember)) => return,
            other => panic!("{value} is {other:?}"),
        }
    }
}
