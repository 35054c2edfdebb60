//! The whole agent, with every family: it answers in valid lines, however the bytes are cut, and can be synchronised.
#![no_main]

#[path = "../../agent-core/tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::fmt::{Arguments, Write};
use std::sync::LazyLock;

use common::{Guest, TABLES, busy_guest, talk_in};
use fuzz::{Settings, parts, pieces, sizes};
use libfuzzer_sys::fuzz_target;
use nanoqga::commands::testing::{self, LastWords, Output, Running, Test, Testing, Verdict, skip};
use nanoqga::{Agent, Buffers, Command, CommandSet, check, tests};
use serde::de::IgnoredAny;

const SYNC: &[u8] = b"\xFF{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":78}}\n";
const SYNCHRONISED: &[u8] = b"\xFF{\"return\": 78}\n";

/// All families.
static ALL: LazyLock<Vec<&'static [Command<Guest>]>> = LazyLock::new(|| [TABLES, &[testing::commands()]].concat());

/// Writes and measures as much as the seed says, of characters of each width.
fn writes(_: &mut Guest, output: &mut Output<'_>) -> Verdict {
    let (case, seed) = (output.case(), output.seed());
    let character = char::from_u32(seed as u32 & 0x1F_FFFF).unwrap_or('\u{1F600}');
    for place in 0..seed % 2000 {
        write!(output, "{character}{place}")?;
        output.measure(&character.to_string(), f64::from_bits(seed.rotate_left(place as u32)), "\u{b5}s");
    }
    check!(case < 2, "case {case}: {}", character.to_string().repeat(100));
    if seed % 2 == 0 { skip(character) } else { Ok(()) }
}

impl Testing for Guest {
    const SUITES: &'static [&'static [Test<Self>]] =
        &[tests!["fuzz": writes.cases(4)], tests!["caf\u{e9}": plain drop_nothing.should_panic("\"").alone()]];

    fn boot_id(&mut self) -> u64 {
        u64::MAX
    }

    fn print_line(&mut self, line: Arguments<'_>) {
        assert!(line.to_string().starts_with("nanoqga-test-"));
    }

    fn last_words(&mut self) -> Option<LastWords<'_>> {
        self.full.then_some(LastWords { message: Some(&self.host_name), line: Some(1), ..LastWords::default() })
    }

    /// A panic handler's reply is a line as every other.
    fn keep(&mut self, running: Option<Running>) {
        let Some(running) = running else { return };
        let ending = testing::Ending::panicked(&self.host_name, Some((running.test(), 1)));
        let mut sent = Vec::new();
        running.finish(&ending, None, &mut |bytes| sent.extend_from_slice(bytes));
        assert_is_lines(&sent);
    }
}

fn drop_nothing() {}

fuzz_target!(|input: &[u8]| {
    let Some((settings, sent)) = parts(input) else { return };
    match settings[0] % 2 {
        0 => converse::<4096, 1024>(settings, sent),
        _ => converse::<128, 128>(settings, sent),
    }
});

fn converse<const REQUEST: usize, const REPLY: usize>(settings: &Settings, sent: &[u8]) {
    let [_, a, b, c, rooms @ ..] = settings;
    let [one, other] = [(); 2].map(|()| CommandSet::new(&ALL));

    let mut buffers = Buffers::<REQUEST, REPLY>::new();
    let mut agent = Agent::new(&one, buffers.memory());
    let whole = talk_in(&mut agent, &mut busy_guest(), sent, usize::MAX, 4096);

    let mut buffers = Buffers::<REQUEST, REPLY>::new();
    let mut agent = Agent::new(&other, buffers.memory());
    let mut guest = busy_guest();
    let mut rooms = sizes(rooms);
    let cut = talk_in_pieces(&mut agent, &mut guest, pieces(sent, sizes(&[*a, *b, *c])), &mut rooms);
    assert_eq!(whole.escape_ascii().to_string(), cut.escape_ascii().to_string());
    assert_is_lines(&whole);

    let replies = talk_in_pieces(&mut agent, &mut guest, pieces(SYNC, sizes(&[*a])), &mut rooms);
    assert!(replies.ends_with(SYNCHRONISED), "{}", replies.escape_ascii());
}

/// As the tests' `talk_in`, but each piece and each room is of another size.
fn talk_in_pieces<'a>(
    agent: &mut Agent<'_, Guest>,
    guest: &mut Guest,
    pieces: impl Iterator<Item = &'a [u8]>,
    rooms: &mut impl Iterator<Item = usize>,
) -> Vec<u8> {
    let mut replies = Vec::new();
    for mut bytes in pieces {
        while !bytes.is_empty() {
            let taken = agent.receive(bytes);
            bytes = &bytes[taken..];
            let mut room = [0; 256];
            loop {
                let room = &mut room[..rooms.next().expect("sizes never end")];
                match agent.transmit(guest, room) {
                    0 => break,
                    given => replies.extend_from_slice(&room[..given]),
                }
            }
        }
    }
    replies
}

/// Every line is ASCII, and JSON with either of the two members.
fn assert_is_lines(replies: &[u8]) {
    assert!(replies.is_empty() || replies.ends_with(b"\n"));
    for line in replies.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_prefix(b"\xFF").unwrap_or(line).trim_ascii_end();
        assert!(text.iter().all(|byte| (0x20..0x7F).contains(byte)), "{}", text.escape_ascii());
        let members: BTreeMap<String, IgnoredAny> = serde_json::from_slice(text).expect("a reply is a JSON object");
        assert_ne!(members.contains_key("return"), members.contains_key("error"), "{}", text.escape_ascii());
    }
}
