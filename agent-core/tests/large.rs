//! Replies larger than any buffer, through 512 bytes of room and a stage of 512: whole, valid, in constant memory.

use crate::common::{COMMANDS, File, Finished, Guest, agent_of, guest_with, talk_in};
use nanoqga::commands::exec::Exit;
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD;

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
    let mut reply: serde_json::Value = serde_json::from_slice(&reply).expect("a reply is JSON");
    reply["return"].take()
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

#[test]
fn a_read_of_48_mib_arrives_whole() {
    const SIZE: usize = 48 << 20;
    // Repeats itself at no power of two.
    let words = (0..99_991_u32).flat_map(|word| word.wrapping_mul(0x9E37_79B9).to_le_bytes());
    let mut content = words.collect::<Vec<u8>>().repeat(SIZE / 399_964 + 1);
    content.truncate(SIZE);
    let mut guest = Guest::default();
    guest.files.insert("/large".into(), content.clone());
    guest.handles.insert(5, File { path: "/large".into(), position: 0, appends: false });
    let request = format!(r#"{{"execute":"guest-file-read","arguments":{{"handle":5,"count":{SIZE}}}}}"#);
    let expected =
        format!("{{\"return\": {{\"buf-b64\":\"{}\",\"count\":{SIZE},\"eof\":false}}}}\n", STANDARD.encode(&content));
    let mut rest = expected.as_bytes();
    stream(&mut guest, &request, |piece| {
        assert!(rest.starts_with(piece), "{} of {} bytes are to come", rest.len(), expected.len());
        rest = &rest[piece.len()..];
    });
    assert_eq!(rest, b"");
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
