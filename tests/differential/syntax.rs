//! Bytes that are no JSON, or no request.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::json::{Json, long, nested, value};
use crate::requests::request;

/// What stands where a value belongs, and is none.
const NO_VALUES: [&[u8]; 53] = [
    b"",
    b",",
    b":",
    b"}",
    b"]",
    b"nope",
    b"nul",
    b"nulll",
    b"True",
    b"NULL",
    b"NaN",
    b"Infinity",
    b"undefined",
    b"+1",
    b"01",
    b"-01",
    b"00",
    b"-",
    b"-{}",
    b"--1",
    b".5",
    b"1.",
    b"1.e5",
    b"1e",
    b"1e+",
    b"0x10",
    b"1_000",
    b"1 2",
    b"1,",
    b"[1,]",
    b"[,1]",
    b"[1 2]",
    b"[1:2]",
    b"{\"a\":1,}",
    b"{\"a\"}",
    b"{\"a\" 1}",
    b"{\"a\":1 \"b\":2}",
    b"{1:2}",
    b"{a:1}",
    b"{null:1}",
    b"{\"a\":1,\"a\":2}",
    b"{'a':1,\"\\u0061\":2}",
    b"[1}",
    b"{\"a\":1]",
    b"%d",
    b"%(a)",
    b"// x\n1",
    b"/* x */1",
    b"# 1",
    b"\"a\" \"b\"",
    b"1;",
    b"$",
    b"@",
];

/// What stands inside a string, and may not.
const NO_TEXT: [&[u8]; 28] = [
    b"\\q",
    b"\\x41",
    b"\\0",
    b"\\U0041",
    b"\\u12",
    b"\\u12g4",
    b"\\ud800",
    b"\\ud800x",
    b"\\ud800\\n",
    b"\\ud800\\u0041",
    b"\\ud800\\ud800",
    b"\\udc00",
    b"\\udfff\\ud800",
    b"\t",
    b"\n",
    b"\r\n",
    b"\x00",
    b"\x1f",
    b"\xc3(",
    b"\x80",
    b"\xc0\x80",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf5",
    b"\xf0\x9f\x98",
    b"\xfe",
    b"\xc3",
];

/// Bytes with something wrong in them, and the command that they are about.
pub fn broken() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let about_none = |text| ("", text);
    prop_oneof![1 => changed(), 2 => wrong().prop_map(about_none)]
}

fn wrong() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (select(NO_VALUES.as_slice()), 0..PLACES.len()).prop_map(|(wrong, place)| put(PLACES[place], wrong)),
        3 => (select(NO_TEXT.as_slice()), select(vec![b'"', b'\'']), 0..PLACES.len()).prop_map(|(wrong, quote, place)| {
            put(PLACES[place], &[&[quote, b'a'], wrong, &[b'b', quote]].concat())
        }),
        1 => (1020_usize..1028, any::<bool>(), 0..PLACES.len())
            .prop_map(|(depth, object, place)| put(PLACES[place], nested(depth, object).as_bytes())),
        1 => vec(select(b"{}[]:,\"'\\ \n01-+.eEtfnu#\xc3\xff".as_slice()), 1..12),
    ]
}

/// Where `@` is replaced.
const PLACES: [&str; 8] = [
    "@",
    "{\"execute\":@}",
    "{\"execute\":\"guest-ping\",\"id\":@}",
    "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":@}}",
    "{\"execute\":\"guest-ping\",\"arguments\":@,\"id\":1}",
    "{\"id\":[[@]],\"execute\":\"guest-ping\"}",
    "{\"execute\":\"guest-ping\" @}",
    "{\"execute\":\"guest-ping\",\"id\":@,\n\"arguments\":\n{}\n}",
];

fn put(place: &str, wrong: &[u8]) -> Vec<u8> {
    let (before, after) = place.split_once('@').unwrap_or((place, ""));
    [before.as_bytes(), wrong, after.as_bytes()].concat()
}

/// A request with a byte less, more or other than it had, or without its end.
fn changed() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let byte = prop_oneof![
        4 => select(b"{}[]:,\"'\\ \n\t0-.eE@#+a".as_slice()),
        1 => any::<u8>(),
    ];
    let harmless = request().prop_filter("changed, it might act", |request| !request.acts);
    (harmless, any::<Index>(), byte, 0..4_u8).prop_map(|(request, index, byte, how)| {
        let mut bytes = request.text.into_bytes();
        let at = index.index(bytes.len());
        match how {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, byte),
            2 => bytes[at] = byte,
            _ => bytes.truncate(at),
        }
        (request.command, bytes)
    })
}

/// An object whose last member comes twice.
fn last_twice(members: usize) -> String {
    let names: String = (0..members).map(|index| format!("\"name{index}\":null,")).collect();
    format!("{{{names}\"name{}\":null}}", members - 1)
}

/// Valid JSON that is no object, values that are long, many members, and one that is too much: bytes that are one message.
pub fn unusual() -> impl Strategy<Value = String> {
    let written = |value: Json| {
        let mut text = String::new();
        value.write("", &mut text);
        text
    };
    prop_oneof![
        2 => value().prop_filter("it is an object", |value| !matches!(value, Json::Object(_))).prop_map(written),
        1 => long().prop_map(move |value| format!("{{\"execute\":\"guest-ping\",\"id\":{}}}", written(value))),
        1 => long().prop_map(move |value| {
            format!("{{\"execute\":\"guest-file-open\",\"arguments\":{{\"path\":{}}},\"id\":1}}", written(value))
        }),
        1 => long().prop_map(written),
        1 => (1_usize..100)
            .prop_map(|members| format!("{{\"execute\":\"guest-ping\",\"id\":{}}}", last_twice(members))),
        1 => select(vec!["1e400", "[-1e400,1]", "{\"a\":9e999}"])
            .prop_map(|number| format!("{{\"execute\":\"guest-sync\",\"arguments\":{{\"id\":5}},\"id\":{number}}}")),
    ]
}
