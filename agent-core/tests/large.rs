//! Replies larger than any buffer, through 512 bytes of room and a stage of 512: whole, valid, in constant memory.

mod common;

use common::{COMMANDS, File, Finished, Guest, agent_of, guest_with, readable, talk_in};
use nanoqga::commands::exec::Exit;

/// Sends `request` and hands the reply to `take` in the pieces in which it comes, none larger than 512 bytes.
fn stream(guest: &mut Guest, request: &str, mut take: impl FnMut(&[u8])) {
    let mut agent = agent_of::<128, 512, _>(&COMMANDS);
    assert_eq!(agent.receive(request.as_bytes()), request.len());
    let mut room = [0; 512];
    while !agent.is_receiving() {
        let given = agent.transmit(guest, &mut room);
        take(&room[..given]);
    }
}

fn returned(guest: &mut Guest, command: &str) -> serde_json::Value {
    let mut reply = Vec::new();
    stream(guest, &format!(r#"{{"execute":"{command}","id":7}}"#), |piece| reply.extend_from_slice(piece));
    assert!(reply.ends_with(b", \"id\": 7}\n"));
    common::returned(&readable(&reply))
}

#[test]
fn a_hundred_thousand_memory_blocks_arrive_whole() {
    let blocks = returned(&mut guest_with(100_000, 0, true), "guest-get-memory-blocks");
    let blocks = blocks.as_array().unwrap();
    assert_eq!(blocks.len(), 100_000);
    for (index, block) in blocks.iter().enumerate() {
        assert_eq!(*block, serde_json::json!({"phys-index": index, "online": true, "can-offline": index > 0}));
    }
}

#[test]
fn a_thousand_interfaces_arrive_whole() {
    let interfaces = returned(&mut guest_with(1000, 50, true), "guest-network-get-interfaces");
    let interfaces = interfaces.as_array().unwrap();
    assert_eq!(interfaces.len(), 1000);
    for interface in interfaces {
        assert_eq!(interface["ip-addresses"].as_array().unwrap().len(), 50);
        assert_eq!(interface["statistics"]["tx-dropped"], u64::MAX);
        assert_eq!(interface["hardware-address"], "52:54:00:0a:bc:ff");
    }
}

#[test]
fn disks_and_file_systems_with_long_lists_arrive_whole() {
    let disks = returned(&mut guest_with(50, 200, true), "guest-get-disks");
    assert_eq!(disks.as_array().unwrap().len(), 50);
    assert!(disks.as_array().unwrap().iter().all(|disk| disk["dependencies"].as_array().unwrap().len() == 200));
    assert_eq!(disks[48]["smart"]["number-of-error-log-entries-lo"], 7);
    let file_systems = returned(&mut guest_with(50, 200, true), "guest-get-fsinfo");
    assert!(file_systems.as_array().unwrap().iter().all(|system| system["disk"].as_array().unwrap().len() == 200));
}

/// Checks a base64 text against the bytes that it should stand for, as it comes.
struct Decoder<'a> {
    expected: &'a [u8],
    group: Vec<u8>,
}

impl Decoder<'_> {
    fn take(&mut self, text: &[u8]) {
        for &character in text {
            self.group.push(match character {
                b'A'..=b'Z' => character - b'A',
                b'a'..=b'z' => character - b'a' + 26,
                b'0'..=b'9' => character - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                other => panic!("{other}"),
            });
            if let [a, b, c, d] = self.group[..] {
                assert_eq!(self.expected[..3], [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
                self.expected = &self.expected[3..];
                self.group.clear();
            }
        }
    }
}

#[test]
fn a_read_of_48_mib_arrives_whole() {
    const SIZE: usize = 48 << 20;
    let content: Vec<u8> = (0..SIZE as u32 / 4).flat_map(|word| word.wrapping_mul(0x9E37_79B9).to_le_bytes()).collect();
    let mut guest = Guest::default();
    guest.files.insert("/large".into(), content.clone());
    guest.handles.insert(5, File { path: "/large".into(), position: 0, appends: false });
    let request = format!(r#"{{"execute":"guest-file-read","arguments":{{"handle":5,"count":{SIZE}}}}}"#);
    let (before, after) = (br#"{"return": {"buf-b64":""#, format!("\",\"count\":{SIZE},\"eof\":false}}}}\n"));
    // As a multiple of three bytes, the text has no padding.
    assert_eq!(SIZE % 3, 0);
    let text = before.len()..before.len() + SIZE / 3 * 4;
    let mut decoder = Decoder { expected: &content, group: Vec::new() };
    let (mut at, mut around) = (0, Vec::new());
    stream(&mut guest, &request, |piece| {
        let start = text.start.saturating_sub(at).min(piece.len());
        let end = text.end.saturating_sub(at).min(piece.len());
        decoder.take(&piece[start..end]);
        around.extend_from_slice(&piece[..start]);
        around.extend_from_slice(&piece[end..]);
        at += piece.len();
    });
    assert!(decoder.expected.is_empty());
    assert_eq!(around, [before, after.as_bytes()].concat());
}

#[test]
fn sixteen_mib_of_output_in_each_stream_arrive_whole() {
    const SIZE: usize = 16 << 20;
    let mut guest = Guest::default();
    let exit = Exit { code: Some(0), ..Exit::default() };
    guest.programs.insert(1, Some(Finished { exit, out: vec![0; SIZE], err: vec![0xFF; SIZE] }));
    let mut counts = [0usize; 256];
    stream(&mut guest, r#"{"execute":"guest-exec-status","arguments":{"pid":1}}"#, |piece| {
        piece.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    });
    // 16 MiB are a multiple of three and one byte: AA== and /w==.
    assert_eq!(counts[usize::from(b'A')], SIZE / 3 * 4 + 2);
    assert_eq!(counts[usize::from(b'/')], SIZE / 3 * 4 + 1);
    assert_eq!(counts[usize::from(b'=')], 4);
    assert!(guest.programs.is_empty());
}

#[test]
fn as_many_blocks_as_a_request_holds_are_set_each_once() {
    const COUNT: usize = 4000;
    let blocks: Vec<_> = (0..COUNT).map(|index| format!(r#"{{"phys-index":{index},"online":false}}"#)).collect();
    let request =
        format!(r#"{{"execute":"guest-set-memory-blocks","arguments":{{"mem-blks":[{}]}}}}"#, blocks.join(", "));
    let mut agent = agent_of::<{ 160 << 10 }, 512, _>(&COMMANDS);
    let mut guest = Guest::default();
    let reply = talk_in(&mut agent, &mut guest, request.as_bytes(), 4096, 512);
    let reply: serde_json::Value = serde_json::from_slice(&reply).unwrap();
    let responses = reply["return"].as_array().unwrap();
    assert_eq!((responses.len(), guest.asked.len()), (COUNT, COUNT));
    assert!(responses.iter().enumerate().all(|(index, response)| response["phys-index"] == index));
}
