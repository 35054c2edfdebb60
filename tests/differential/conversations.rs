//! What is said to an agent: single requests, several at once, and short stories of files and programs.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::requests::{Request, request};
use crate::syntax::{broken, unusual};

/// What is sent in one piece.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Each of these is answered by one line; `text` is theirs, in order. Empty where it may be anything.
    pub requests: Vec<Request>,
    pub text: Vec<u8>,
    /// The command that it was about before it was broken.
    pub about: &'static str,
}

impl Turn {
    fn one(request: Request) -> Self {
        Self { text: request.text.clone().into_bytes(), requests: vec![request], about: "" }
    }

    /// A request for a command that does not act on the machine.
    fn of(command: &'static str, arguments: &str) -> Self {
        let text = format!("{{\"execute\":\"{command}\",\"arguments\":{arguments}}}");
        Self::one(Request { command, text, acts: false })
    }

    /// Whether a line is due for each request, and no more.
    pub fn is_sound(&self) -> bool {
        !self.requests.is_empty()
    }
}

/// Any conversation.
pub fn conversation() -> impl Strategy<Value = Vec<Turn>> {
    prop_oneof![
        60 => request().prop_map(|request| vec![Turn::one(request)]),
        3 => together().prop_map(|turn| vec![turn]),
        25 => broken().prop_map(|(about, text)| vec![Turn { requests: Vec::new(), text, about }]),
        4 => unusual().prop_map(|text| vec![Turn::one(Request { command: "", text, acts: false })]),
        3 => story_of_a_file(),
        1 => story_of_a_program(),
    ]
}

/// Requests in one write, one right after the other or not, and 0xFF between them.
fn together() -> impl Strategy<Value = Turn> {
    let between = select(vec![b"".as_slice(), b"\n", b"\r\n \t", b"\xff", b"\xff\xff", b"\xff\n"]);
    vec((between, request()), 1..5).prop_map(|parts| {
        let text = parts.iter().flat_map(|(before, request)| [before, request.text.as_bytes()].concat()).collect();
        Turn { requests: parts.into_iter().map(|(_, request)| request).collect(), text, about: "" }
    })
}

const MODES: [&str; 12] = ["r", "rb", "w", "wb", "a", "ab", "r+", "rb+", "w+", "w+b", "a+", "ab+"];

/// A file is opened, used and closed. Between reading and writing it is placed anew, as C wants it of its streams, which the
/// reference's handles are.
fn story_of_a_file() -> impl Strategy<Value = Vec<Turn>> {
    let place = (
        select(vec!["0", "3", "10", "100", "-2", "-1000"]),
        select(vec!["\"set\"", "\"cur\"", "\"end\"", "0", "1", "2"]),
    )
        .prop_map(|(offset, whence)| {
            Turn::of("guest-file-seek", &format!("{{\"handle\":<handle>,\"offset\":{offset},\"whence\":{whence}}}"))
        });
    let read = select(vec!["", ",\"count\":0", ",\"count\":1", ",\"count\":5", ",\"count\":10000"])
        .prop_map(|count| Turn::of("guest-file-read", &format!("{{\"handle\":<handle>{count}}}")));
    let write = select(vec![
        "\"YWJjZGVm\"",
        "\"YWJj\",\"count\":2",
        "\"\"",
        "\"YWJj\",\"count\":4",
        "\"/+8=\",\"count\":0",
        "\"!\"",
    ])
    .prop_map(|buffer| Turn::of("guest-file-write", &format!("{{\"handle\":<handle>,\"buf-b64\":{buffer}}}")));
    let flush = Just(Turn::of("guest-file-flush", "{\"handle\":<handle>}"));
    let step = prop_oneof![
        4 => (place.clone(), prop_oneof![2 => read, 2 => write]).prop_map(|(place, step)| vec![place, step]),
        1 => place.prop_map(|turn| vec![turn]),
        1 => flush.prop_map(|turn| vec![turn]),
    ];
    (select(MODES.as_slice()), vec(step, 0..8)).prop_map(|(mode, steps)| {
        let open = Turn::of("guest-file-open", &format!("{{\"path\":\"<file>\",\"mode\":\"{mode}\"}}"));
        let close = Turn::of("guest-file-close", "{\"handle\":<handle>}");
        let whole = Turn::of("guest-file-read", "{\"handle\":<handle>,\"count\":100000}");
        let again = Turn::of("guest-file-open", "{\"path\":\"<file>\"}");
        let after = [close.clone(), close.clone(), again, whole, close];
        [open].into_iter().chain(steps.concat()).chain(after).collect()
    })
}

/// A program is run, and its end waited for.
fn story_of_a_program() -> impl Strategy<Value = Vec<Turn>> {
    let program = select(vec![
        "\"path\":\"true\"",
        "\"path\":\"/bin/false\"",
        "\"path\":\"sh\",\"arg\":[\"-c\",\"exit 77\"]",
        "\"path\":\"sh\",\"arg\":[\"-c\",\"kill -9 $$\"]",
        "\"path\":\"sh\",\"arg\":[\"-c\",\"echo out; echo err >&2\"]",
        "\"path\":\"echo\",\"arg\":[\"\\u00e9\",\"\",\"a b\"]",
        "\"path\":\"cat\"",
        "\"path\":\"env\"",
    ]);
    let input =
        select(vec!["", ",\"input-data\":\"\"", ",\"input-data\":\"aGVsbG8=\"", ",\"input-data\":\"aGVs\\nbG8K\""]);
    let environment = select(vec!["", ",\"env\":[]", ",\"env\":[\"A=1\",\"PATH=/usr/bin:/bin\"]"]);
    let capture = select(vec!["", ",\"capture-output\":false", ",\"capture-output\":true"]);
    (program, input, environment, capture).prop_map(|(program, input, environment, capture)| {
        let status = Turn::of("guest-exec-status", "{\"pid\":<pid>}");
        let run = Turn::of("guest-exec", &format!("{{{program}{input}{environment}{capture}}}"));
        vec![run, status.clone(), status]
    })
}
