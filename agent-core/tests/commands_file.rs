//! The file family, as transcripts.

use crate::common::{
    COMMANDS, File, Guest, agent, assert_refused, call, error, hear, readable, returned, returns, talk_in,
};
use nanoqga::Failure;

fn guest() -> Guest {
    let mut guest = Guest::default();
    guest.files.insert("/hello".into(), b"hello, world".to_vec());
    let hello = File { path: "/hello".into(), position: 0, appends: false };
    guest.handles.insert(5, hello);
    guest
}

#[test]
fn a_file_is_opened_written_read_back_and_closed() {
    let mut guest = guest();
    assert_eq!(call(&mut guest, "guest-file-open", r#""path":"/n\u00e9w \"x\"","mode":"w+""#), returns("1001"));
    assert_eq!(guest.asked.pop().unwrap(), r#"open /néw "x" OpenMode { access: Write, update: true }"#);
    let written = call(&mut guest, "guest-file-write", r#""handle":1001,"buf-b64":"aGVs\nbG8=\n""#);
    assert_eq!(written, returns(r#"{"count":5,"eof":false}"#));
    let sought = call(&mut guest, "guest-file-seek", r#""handle":1001,"offset":1,"whence":"set""#);
    assert_eq!(sought, returns(r#"{"position":1,"eof":false}"#));
    let read = call(&mut guest, "guest-file-read", r#""handle":1001"#);
    assert_eq!(read, returns(r#"{"buf-b64":"ZWxsbw==","count":4,"eof":true}"#));
    assert_eq!(call(&mut guest, "guest-file-flush", r#""handle":1001"#), returns("{}"));
    assert_eq!(call(&mut guest, "guest-file-close", r#""handle":1001"#), returns("{}"));
    assert_eq!(call(&mut guest, "guest-file-close", r#""handle":1001"#), error("handle '1001' has not been found"));
    assert_eq!(guest.files["/néw \"x\""], b"hello");
}

#[test]
fn the_modes_are_those_of_fopen() {
    let modes = [
        (&["r", "rb"][..], "OpenMode { access: Read, update: false }"),
        (&["r+", "rb+", "r+b"], "OpenMode { access: Read, update: true }"),
        (&["w", "wb"], "OpenMode { access: Write, update: false }"),
        (&["w+", "wb+", "w+b"], "OpenMode { access: Write, update: true }"),
        (&["a", "ab"], "OpenMode { access: Append, update: false }"),
        (&["a+", "ab+", "a+b"], "OpenMode { access: Append, update: true }"),
    ];
    for (modes, meaning) in modes {
        for mode in modes {
            let mut guest = guest();
            call(&mut guest, "guest-file-open", &format!(r#""path":"/hello","mode":"{mode}""#));
            assert_eq!(guest.asked, [format!("open /hello {meaning}")]);
        }
    }
    for mode in ["", "zz", "b", "+", "rr", "r++", "rbb", "r+b+", "rb+b", "r ", "R", "rw", "wx", "\\\""] {
        let arguments = format!(r#""path":"/hello","mode":"{mode}""#);
        let text = format!("invalid file open mode '{mode}'");
        assert_refused(&mut guest(), "guest-file-open", &[(&arguments, &text)]);
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_named_with_the_cause() {
    assert_refused(
        &mut guest(),
        "guest-file-open",
        &[
            (
                r#""path":"/nonexistent/x""#,
                "failed to open file '/nonexistent/x' (mode: 'r'): No such file or directory",
            ),
            (
                r#""path":"/\u20ac","mode":"rb""#,
                r"failed to open file '/\u20AC' (mode: 'rb'): No such file or directory",
            ),
            ("", "Parameter 'path' is missing"),
            (r#""path":1"#, "Invalid parameter type for 'path', expected: string"),
            (r#""path":"/hello","mode":null"#, "Invalid parameter type for 'mode', expected: string"),
            (r#""path":"/hello","flags":1"#, "Parameter 'flags' is unexpected"),
        ],
    );
}

#[test]
fn a_read_of_exactly_the_rest_is_not_yet_at_the_end() {
    let mut guest = guest();
    let read =
        |guest: &mut Guest, count: i64| call(guest, "guest-file-read", &format!(r#""handle":5,"count":{count}"#));
    assert_eq!(read(&mut guest, 0), returns(r#"{"buf-b64":"","count":0,"eof":false}"#));
    assert_eq!(read(&mut guest, 5), returns(r#"{"buf-b64":"aGVsbG8=","count":5,"eof":false}"#));
    assert_eq!(read(&mut guest, 7), returns(r#"{"buf-b64":"LCB3b3JsZA==","count":7,"eof":false}"#));
    assert_eq!(read(&mut guest, 1), returns(r#"{"buf-b64":"","count":0,"eof":true}"#));
}

#[test]
fn a_read_without_a_count_is_of_4096_bytes() {
    let mut guest = guest();
    guest.files.insert("/hello".into(), vec![7; 5000]);
    for (count, eof) in [(4096, false), (904, true), (0, true)] {
        let reply = returned(&call(&mut guest, "guest-file-read", r#""handle":5"#));
        assert_eq!((&reply["count"], &reply["eof"]), (&count.into(), &eof.into()));
    }
}

#[test]
fn what_is_no_count_or_handle_is_refused() {
    assert_refused(
        &mut guest(),
        "guest-file-read",
        &[
            (r#""handle":5,"count":-1"#, "value '-1' is invalid for argument count"),
            (r#""handle":5,"count":50331649"#, "value '50331649' is invalid for argument count"),
            (r#""handle":6,"count":-1"#, "handle '6' has not been found"),
            (r#""handle":-9223372036854775808"#, "handle '-9223372036854775808' has not been found"),
            (r#""handle":9223372036854775808"#, "Invalid parameter type for 'handle', expected: integer"),
            (r#""count":1"#, "Parameter 'handle' is missing"),
        ],
    );
    for command in ["guest-file-close", "guest-file-flush"] {
        assert_refused(
            &mut guest(),
            command,
            &[
                (r#""handle":6"#, "handle '6' has not been found"),
                (r#""handle":"5""#, "Invalid parameter type for 'handle', expected: integer"),
                ("", "Parameter 'handle' is missing"),
                (r#""handle":5,"x":1"#, "Parameter 'x' is unexpected"),
            ],
        );
    }
}

#[test]
fn a_read_that_fails_says_so_or_ends_early() {
    let mut guest = guest();
    guest.files.insert("/hello".into(), vec![7; 4000]);
    guest.readable = Some(0);
    assert_eq!(call(&mut guest, "guest-file-read", r#""handle":5"#), error("failed to read file: Input/output error"));
    guest.readable = Some(500);
    let reply = returned(&call(&mut guest, "guest-file-read", r#""handle":5"#));
    let count = reply["count"].as_u64().unwrap();
    assert!((500..4000).contains(&count), "{count}");
    assert_eq!(reply["eof"], false);
    assert_eq!(reply["buf-b64"].as_str().unwrap().len() as u64, count.div_ceil(3) * 4);
}

#[test]
fn a_file_that_another_agent_closes_ends_the_read_early() {
    let mut guest = guest();
    guest.files.insert("/hello".into(), vec![7; 4000]);
    let [mut one, mut other] = [(); 2].map(|()| agent(&COMMANDS));
    hear(&mut one, br#"{"execute":"guest-file-read","arguments":{"handle":5}}"#);
    let mut reply = vec![0; 600];
    assert_eq!(one.transmit(&mut guest, &mut reply), 600);
    let close = br#"{"execute":"guest-file-close","arguments":{"handle":5}}"#;
    assert_eq!(readable(&talk_in(&mut other, &mut guest, close, 64, 64)), returns("{}"));
    let mut rest = [0; 4096];
    let length = one.transmit(&mut guest, &mut rest);
    reply.extend_from_slice(&rest[..length]);
    let reply = returned(&readable(&reply));
    assert_eq!(reply["eof"], false);
    assert!((1..4000).contains(&reply["count"].as_u64().unwrap()));
}

#[test]
fn a_write_may_be_of_fewer_bytes_than_were_sent() {
    let mut guest = guest();
    let write = |guest: &mut Guest, more: &str| {
        call(guest, "guest-file-write", &format!(r#"{more}"buf-b64":"SkpKSg==","handle":5"#))
    };
    assert_eq!(write(&mut guest, r#""count":2,"#), returns(r#"{"count":2,"eof":false}"#));
    assert_eq!(write(&mut guest, r#""count":0,"#), returns(r#"{"count":0,"eof":false}"#));
    assert_eq!(guest.files["/hello"], b"JJllo, world");
    assert_eq!(write(&mut guest, r#""count":5,"#), error("value '5' is invalid for argument count"));
    assert_eq!(write(&mut guest, r#""count":-1,"#), error("value '-1' is invalid for argument count"));
    guest.refuses = Some(Failure("failed to write to file: No space left on device"));
    assert_eq!(write(&mut guest, ""), error("failed to write to file: No space left on device"));
}

#[test]
fn a_write_is_checked_before_it_is_done() {
    let not_base64 = "Base64 data contains invalid characters";
    assert_refused(
        &mut guest(),
        "guest-file-write",
        &[
            (r#""handle":5"#, "Parameter 'buf-b64' is missing"),
            (r#""handle":5,"buf-b64":1"#, "Invalid parameter type for 'buf-b64', expected: string"),
            (r#""handle":5,"buf-b64":"!","count":"1""#, "Invalid parameter type for 'count', expected: integer"),
            (r#""handle":5,"buf-b64":"!","x":1"#, "Parameter 'x' is unexpected"),
            (r#""handle":6,"buf-b64":"!""#, "handle '6' has not been found"),
            (r#""handle":5,"buf-b64":"!","count":-1"#, not_base64),
            (r#""handle":5,"buf-b64":"aGVsbG8""#, not_base64),
            (r#""handle":5,"buf-b64":"aGVs bG8=""#, not_base64),
            (r#""handle":5,"buf-b64":"aGVs\tbG8=""#, not_base64),
            (r#""handle":5,"buf-b64":"\u20ac""#, not_base64),
        ],
    );
}

#[test]
fn bits_after_the_last_byte_of_base64_mean_nothing() {
    let mut guest = guest();
    for text in ["eA==", "eB==", "eP=="] {
        let reply = call(&mut guest, "guest-file-write", &format!(r#""handle":5,"buf-b64":"{text}""#));
        assert_eq!(reply, returns(r#"{"count":1,"eof":false}"#), "{text}");
    }
    assert!(guest.files["/hello"].starts_with(b"xxx"));
}

#[test]
fn a_position_is_told_by_number_or_by_name() {
    let mut guest = guest();
    for (offset, whence, position) in
        [(3, "0", 3), (2, "1", 5), (-2, "2", 10), (4, r#""set""#, 4), (-1, r#""cur""#, 3), (1, r#""end""#, 13)]
    {
        let reply = call(&mut guest, "guest-file-seek", &format!(r#""handle":5,"offset":{offset},"whence":{whence}"#));
        assert_eq!(reply, returns(&format!(r#"{{"position":{position},"eof":false}}"#)));
    }
    let alternate = "Invalid parameter type for 'whence', expected: GuestFileWhence";
    assert_refused(
        &mut guest,
        "guest-file-seek",
        &[
            (r#""handle":5,"offset":0,"whence":9"#, "invalid whence code 9"),
            (r#""handle":5,"offset":0,"whence":-1"#, "invalid whence code -1"),
            (r#""handle":5,"offset":0,"whence":"bogus""#, "Parameter 'whence' does not accept value 'bogus'"),
            (r#""handle":5,"offset":0,"whence":true"#, alternate),
            (r#""handle":5,"offset":0,"whence":null"#, alternate),
            (r#""handle":5,"offset":0,"whence":{}"#, alternate),
            (r#""handle":5,"offset":0"#, "Parameter 'whence' is missing"),
            (r#""handle":5,"whence":0"#, "Parameter 'offset' is missing"),
            (r#""handle":6,"offset":0,"whence":9"#, "handle '6' has not been found"),
            (r#""handle":5,"offset":-1,"whence":0"#, "failed to seek file: Invalid argument"),
            (r#""handle":5,"offset":-14,"whence":1"#, "failed to seek file: Invalid argument"),
        ],
    );
}
