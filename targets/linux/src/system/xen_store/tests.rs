//! The store against one of our own at the other end of a socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use alloc::vec;

use proptest::prelude::*;

use super::*;

/// A message of a store.
fn message(kind: u32, id: u32, body: &[u8]) -> Vec<u8> {
    [[kind, id, 0, body.len() as u32].map(u32::to_ne_bytes).as_flattened(), body].concat()
}

/// What a client is told by a store whose bytes for the number and path of each request are those of `answers`. Without any, the
/// store hangs up.
fn console(answers: impl Fn(u32, &str) -> Vec<u8> + Send + 'static) -> Result<Option<u32>, String> {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let store = thread::spawn(move || {
        let (mut header, mut last) = ([0; HEADER], None);
        while theirs.read_exact(&mut header).is_ok() {
            let word = |at: usize| u32::from_ne_bytes(header[at..at + 4].try_into().unwrap());
            assert_ne!(last.replace(word(4)), Some(word(4)), "each request has another number");
            assert_eq!(word(8), 0, "it is in no transaction");
            let mut path = vec![0; word(12) as usize];
            theirs.read_exact(&mut path).unwrap();
            assert_eq!(path.pop(), Some(0));
            let answer = answers(word(4), str::from_utf8(&path).unwrap());
            // The client may have had enough.
            if answer.is_empty() || theirs.write_all(&answer).is_err() {
                break;
            }
        }
    });
    let found = Store { file: ours.into(), requests: 0 }.console("agent");
    store.join().unwrap();
    found
}

#[test]
fn a_console_is_found_by_its_name() {
    let found = console(|id, path| match path {
        "device/console" => message(DIRECTORY, id, b"0\x001\x0012\0"),
        "device/console/0/name" => message(ERROR, id, b"ENOENT\0"),
        "device/console/1/name" => message(READ, id, b"agents"),
        "device/console/12/name" => message(READ, id, b"agent"),
        other => panic!("{other}"),
    });
    assert_eq!(found, Ok(Some(12)));
}

#[test]
fn a_domain_may_have_no_console() {
    assert_eq!(console(|id, _| message(ERROR, id, b"ENOENT\0")), Ok(None));
    assert_eq!(console(|id, _| message(DIRECTORY, id, b"")), Ok(None));
}

#[test]
fn what_answers_nothing_is_passed_over() {
    let found = console(|id, path| {
        let answer = if path.ends_with("name") { message(READ, id, b"agent") } else { message(DIRECTORY, id, b"3\0") };
        [message(WATCH_EVENT, id, b"a\0b\0"), message(READ, id.wrapping_sub(1), b"7"), answer].concat()
    });
    assert_eq!(found, Ok(Some(3)));
}

#[test]
fn other_answers_are_errors() {
    let refused = console(|id, _| message(ERROR, id, b"EACCES\0")).unwrap_err();
    assert_eq!(refused, "Xen's store does not tell device/console: Permission denied");
    let odd = console(|id, _| message(READ, id, b"1\0")).unwrap_err();
    assert_eq!(odd, "Xen's store does not tell device/console: Input/output error");
    let long = console(|id, _| [DIRECTORY, id, 0, 4097].map(u32::to_ne_bytes).as_flattened().to_owned()).unwrap_err();
    assert!(long.ends_with("Input/output error"), "{long}");
}

#[test]
fn a_store_that_hangs_up_is_an_error() {
    let gone = console(|_, _| Vec::new()).unwrap_err();
    assert_eq!(gone, "Xen's store does not tell device/console: Broken pipe");
}

#[test]
fn a_store_that_only_talks_of_other_things_is_left() {
    let endless = console(|_, _| message(WATCH_EVENT, 0, &[b'x'; 4096]).repeat(8)).unwrap_err();
    assert!(endless.ends_with("Argument list too long"), "{endless}");
}

proptest! {
    #[test]
    fn any_bytes_are_split_within_their_bounds(bytes: Vec<u8>) {
        if let Ok(Some((message, rest))) = Message::split(&bytes) {
            prop_assert_eq!(HEADER + message.body.len() + rest.len(), bytes.len());
        }
    }

    #[test]
    fn a_message_is_split_from_what_follows(kind: u32, id: u32, body: Vec<u8>, rest: Vec<u8>) {
        let bytes = [message(kind, id, &body), rest.clone()].concat();
        let split = Message::split(&bytes).unwrap().unwrap();
        prop_assert_eq!(split, (Message { kind, id, body: &body }, &*rest));
        prop_assert_eq!(Message::split(&bytes[..HEADER + body.len() - usize::from(!body.is_empty())]).unwrap().is_none(), !body.is_empty());
    }
}
