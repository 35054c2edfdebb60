//! The whole agent, with every family: it answers in valid lines, however the bytes are cut, and can be synchronised.
#![no_main]

#[path = "../../agent-core/tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;

use common::{Guest, TABLES, busy_guest, talk_in};
use fuzz::{Settings, parts, pieces, sizes};
use libfuzzer_sys::fuzz_target;
use nanoqga::{Agent, Buffers, CommandSet};
use serde::de::IgnoredAny;

const SYNC: &[u8] = b"\xFF{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":78}}\n";
const SYNCHRONISED: &[u8] = b"\xFF{\"return\": 78}\n";

fuzz_target!(|input: &[u8]| {
    let Some((settings, sent)) = parts(input) else { return };
    match settings[0] % 2 {
        0 => converse::<4096, 1024>(settings, sent),
        _ => converse::<128, 128>(settings, sent),
    }
});

fn converse<const REQUEST: usize, const REPLY: usize>(settings: &Settings, sent: &[u8]) {
    let [_, a, b, c, rooms @ ..] = settings;
    let [one, other] = [(); 2].map(|()| CommandSet::new(TABLES));

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
