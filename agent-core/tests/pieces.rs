//! However the bytes are cut, the conversation is the same.

use crate::common::{COMMANDS, TABLES, agent, agent_of, busy_guest, talk_in};
use nanoqga::CommandSet;
use nanoqga::json::scanner::{RESET, Scanner};
use nanoqga::json::syntax::{Problem, Syntax};
use proptest::prelude::*;

/// Everything that a host says, bad and good.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let sentence = prop_oneof![
        4 => prop::sample::select(vec![
            &br#"{"execute":"guest-ping"}"#[..],
            br#"{"execute":"guest-info","id":{"a":[1,"\ud83d\ude00 \u00e9\n",null]}}"#,
            br#"{'execute':'guest-get-host-name','id':'\''}"#,
            br#"{"execute":"guest-sync-delimited","arguments":{"id":-9223372036854775808},"id":1.5e-3}"#,
            b"\xFF",
            b"{\"execute\":\"guest-pi\xFF",
            br#"{"execute":"guest-sync","arguments":{"id":"1"}}"#,
            br#"{"execute":"guest-sync","arguments":{"id":01}}"#,
            b"5 true [] \"x\" nope",
            b"{\"execute\":\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"}",
            b"[[[[{\"a\":",
            br#"{"execute":"guest-network-get-interfaces","id":[1]}"#,
            br#"{"execute":"guest-network-get-route"}"#,
            br#"{"execute":"guest-get-disks"}"#,
            br#"{"execute":"guest-get-diskstats","arguments":{}}"#,
            br#"{"execute":"guest-get-fsinfo"}"#,
            br#"{"execute":"guest-fstrim","arguments":{"minimum":1}}"#,
            br#"{"execute":"guest-set-vcpus","arguments":{"vcpus":[{"logical-id":0,"online":true},{"logical-id":9,"online":true}]}}"#,
            br#"{"execute":"guest-set-vcpus","arguments":{"vcpus":[{"logical-id":0}]}}"#,
            br#"{"execute":"guest-set-memory-blocks","arguments":{"mem-blks":[{"phys-index":0,"online":true},{"phys-index":2,"online":false}]}}"#,
            br#"{"execute":"guest-get-cpustats"}{"execute":"guest-get-load"}{"execute":"guest-get-users"}"#,
            br#"{"execute":"guest-get-memory-blocks"}{"execute":"guest-get-devices"}"#,
            br#"{"execute":"guest-file-open","arguments":{"path":"/n\u00e9w","mode":"w+"}}"#,
            br#"{"execute":"guest-file-open","arguments":{"path":"/\u20ac","mode":"r"}}"#,
            br#"{"execute":"guest-file-read","arguments":{"handle":5,"count":100}}"#,
            br#"{"execute":"guest-file-write","arguments":{"buf-b64":"aGVs\nbG8=\n","handle":5,"count":4}}"#,
            br#"{"execute":"guest-file-write","arguments":{"buf-b64":"aGVs\tbG8=","handle":5}}"#,
            br#"{"execute":"guest-file-seek","arguments":{"handle":5,"offset":-1,"whence":"end"}}"#,
            br#"{"execute":"guest-file-close","arguments":{"handle":5}}"#,
            br#"{"execute":"guest-exec","arguments":{"path":"x","arg":["a","\u20ac"],"input-data":"eA==","capture-output":"merged"}}"#,
            br#"{"execute":"guest-exec-status","arguments":{"pid":1},"id":"p"}"#,
            br#"{"execute":"guest-ssh-get-authorized-keys","arguments":{"username":"root"}}"#,
            br##"{"execute":"guest-ssh-add-authorized-keys","arguments":{"username":"root","keys":["#"]}}"##,
            br#"{"execute":"guest-set-user-password","arguments":{"username":"a","password":"eA==","crypted":true}}"#,
            br#"{"execute":"guest-fsfreeze-freeze"}"#,
            br#"{"execute":"guest-fsfreeze-thaw"}"#,
            br#"{"execute":"guest-suspend-ram","id":1}"#,
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => "[\\[\\]{}:,\"'\\\\a-z0-9 .eE+-]{0,40}".prop_map(String::into_bytes),
    ];
    prop::collection::vec((sentence, prop::sample::select(vec!["", "\n", "\r\n", " "])), 0..12)
        .prop_map(|said| said.into_iter().flat_map(|(bytes, end)| [bytes, end.into()].concat()).collect())
}

proptest! {
    #[test]
    fn any_split_of_the_input_and_any_room_give_the_same_output(
        sent in conversation(),
        piece in 1usize..20,
        room in 1usize..20,
    ) {
        let [one, other] = [(); 2].map(|()| CommandSet::new(TABLES));
        let whole = talk_in(&mut agent(&one), &mut busy_guest(), &sent, usize::MAX, 1 << 20);
        let pieces = talk_in(&mut agent(&other), &mut busy_guest(), &sent, piece, room);
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn after_anything_a_delimited_sync_on_its_own_line_synchronises(sent in conversation()) {
        let commands = CommandSet::new(TABLES);
        let mut agent = agent_of::<256, 128, _>(&commands);
        talk_in(&mut agent, &mut busy_guest(), &sent, 64, 64);
        let sync = b"\xFF{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":78}}\n";
        let replies = talk_in(&mut agent, &mut busy_guest(), sync, 64, 64);
        prop_assert!(replies.ends_with(b"\xFF{\"return\": 78}\n"), "{:?}", String::from_utf8_lossy(&replies));
    }

    #[test]
    fn every_line_is_a_json_object_of_ascii(sent in conversation()) {
        let commands = CommandSet::new(TABLES);
        let mut agent = agent_of::<256, 128, _>(&commands);
        let replies = talk_in(&mut agent, &mut busy_guest(), &sent, 64, 64);
        prop_assert!(replies.is_empty() || replies.ends_with(b"\n"));
        for line in replies.split(|&byte| byte == b'\n') {
            let line = line.strip_prefix(b"\xFF").unwrap_or(line);
            prop_assert!(line.iter().all(|byte| (0x20..0x7F).contains(byte)));
            if !line.is_empty() {
                let reply: serde_json::Value = serde_json::from_slice(line).unwrap();
                prop_assert!(reply.get("return").is_some() != reply.get("error").is_some());
            }
        }
    }

    #[test]
    fn what_is_stored_means_what_was_sent(id in any_json()) {
        // The id comes back from the store: it must be the same value for a parser that nobody here wrote.
        let sent = serde_json::json!({"execute": "guest-ping", "id": id});
        let mut agent = agent_of::<65536, 1024, _>(&COMMANDS);
        let reply = talk_in(&mut agent, &mut busy_guest(), sent.to_string().as_bytes(), 7, 7);
        prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&reply).unwrap(), serde_json::json!({"return": {}, "id": id}));
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

#[test]
fn a_list_of_commands_longer_than_the_stage_arrives_whole_through_one_byte_of_room() {
    let mut agent = agent_of::<128, 128, _>(&COMMANDS);
    let reply = talk_in(&mut agent, &mut busy_guest(), br#"{"execute":"guest-info"}"#, 1, 1);
    let reply: serde_json::Value = serde_json::from_slice(&reply).unwrap();
    let listed = reply["return"]["supported_commands"].as_array().unwrap().len();
    assert_eq!(listed, TABLES.iter().map(|table| table.len()).sum::<usize>());
}

#[test]
fn a_byte_0xff_is_taken_with_the_error_that_it_brings_and_the_next_message_begins() {
    let (mut scanner, mut store) = (Scanner::new(), [0; 64]);
    let (taken, outcome) = scanner.push(b"{\"execute\":\"guest-pi\xff", &mut store);
    assert!(matches!(outcome, Some(Err(Syntax { problem: Problem::Stray(RESET), .. }))), "{outcome:?}");
    assert_eq!((taken, scanner.is_inside()), (21, false));
}
