//! JSON as hosts may spell it: every number, escape and quote that the dialect has, and all that merely looks like one.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A value, spelled out. An object may have a member twice.
#[derive(Clone, Debug)]
pub enum Json {
    /// A number, a string with its quotes, or a word.
    Token(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    /// Its text, with `space` around each token.
    pub fn write(&self, space: &str, text: &mut String) {
        match self {
            Self::Token(token) => text.push_str(token),
            Self::List(elements) => {
                text.push('[');
                separated(elements, space, text, |element, text| element.write(space, text));
                text.push(']');
            }
            Self::Object(members) => {
                text.push('{');
                separated(members, space, text, |(name, value), text| {
                    let _ = write!(text, "{name}{space}:{space}");
                    value.write(space, text);
                });
                text.push('}');
            }
        }
    }
}

fn separated<T>(elements: &[T], space: &str, text: &mut String, write: impl Fn(&T, &mut String)) {
    for (index, element) in elements.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        text.push_str(space);
        write(element, text);
        text.push_str(space);
    }
}

/// A token that is always the same.
pub fn token(text: &str) -> Json {
    Json::Token(text.into())
}

/// What may stand between tokens.
pub fn space() -> impl Strategy<Value = String> {
    prop_oneof![6 => Just(""), 3 => Just(" "), 1 => select(vec!["\n", "\r\n", "\t", " \n\t "])].prop_map(String::from)
}

/// Whole numbers at and beyond the edges of every type that an agent has for them.
const WHOLE: [&str; 20] = [
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "48",
    "999",
    "4096",
    "2147483648",
    "-2147483649",
    "4294967296",
    "50331649",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999999",
    "-99999999999999999999999999999999999999999",
];

const BROKEN_OFF: [&str; 11] =
    ["0.0", "-0.0", "1.0", "-1.5", "0.1", "1e0", "1E+2", "-1e-2", "1e308", "5e-324", "1e-400"];

/// A number of JSON.
pub fn number() -> impl Strategy<Value = Json> {
    prop_oneof![
        3 => select(WHOLE.as_slice()).prop_map(String::from),
        1 => select(BROKEN_OFF.as_slice()).prop_map(String::from),
        2 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<u64>().prop_map(|number| number.to_string()),
        1 => any::<f32>().prop_filter("JSON has no such number", |number| number.is_finite())
            .prop_map(|number| format!("{number:e}")),
    ]
    .prop_map(Json::Token)
}

/// Pieces of strings: what they are spelled like between double quotes.
const PIECES: [&str; 36] = [
    "a",
    "word",
    " ",
    "two words",
    ".",
    "/",
    "\\/",
    "\\\\",
    "\\\"",
    "'",
    "\\'",
    "\\b",
    "\\f",
    "\\n",
    "\\r",
    "\\t",
    "\\u0000",
    "\\u0001",
    "\\u001f",
    "\\u0022",
    "\\u0041",
    "\\u007F",
    "\\u00e9",
    "\\u20AC",
    "\\ud83d\\ude00",
    "\\uDBFF\\uDFFF",
    "\u{7f}",
    "\u{e9}",
    "\u{20ac}",
    "\u{1f980}",
    "\u{ffff}",
    "%s",
    "%",
    "{",
    "]",
    "\\ufffd",
];

/// A string with its quotes.
pub fn string() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        20 => vec(select(PIECES.as_slice()), 0..6),
        1 => (select(PIECES.as_slice()), 100_usize..600).prop_map(|(piece, count)| vec![piece; count]),
    ];
    (pieces, prop::bool::weighted(0.2)).prop_map(|(pieces, single)| match single {
        false => format!("\"{}\"", pieces.concat()),
        true => {
            let escaped = |piece: &&'static str| if *piece == "'" { "\\'" } else { *piece };
            format!("'{}'", pieces.iter().map(escaped).collect::<String>())
        }
    })
}

/// The ways to spell `text`, which is plain ASCII without quotes.
pub fn spelled(text: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        8 => Just(format!("\"{text}\"")),
        1 => Just(format!("'{text}'")),
        1 => Just(match text.chars().next() {
            Some(first) => format!("\"\\u{:04x}{}\"", u32::from(first), &text[1..]),
            None => "\"\"".into(),
        }),
    ]
}

/// Any value.
pub fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        2 => select(vec!["null", "true", "false"]).prop_map(token),
        4 => number(),
        4 => string().prop_map(Json::Token),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Json::List), vec((string(), inner), 0..4).prop_map(Json::Object),]
    })
    .boxed()
}

/// A value in so many arrays or objects.
pub fn nested(depth: usize, object: bool) -> String {
    let (open, close) = if object { ("{\"a\":", "}") } else { ("[", "]") };
    format!("{}1{}", open.repeat(depth), close.repeat(depth))
}

/// A value that is longer than most.
pub fn long() -> impl Strategy<Value = Json> {
    prop_oneof![
        (2_usize..1000, any::<bool>()).prop_map(|(depth, object)| Json::Token(nested(depth, object))),
        (1000_usize..60_000).prop_map(|length| Json::Token(format!("\"{}\"", "x".repeat(length)))),
        (100_usize..5000).prop_map(|length| Json::List(vec![token("7"); length])),
        (33_usize..300).prop_map(|length| {
            Json::Object((0..length).map(|index| (format!("\"name{index}\""), token("null"))).collect())
        }),
    ]
}
