//! The examples do what they say.

#![allow(dead_code, reason = "an example's main is run by people")]

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

#[path = "../examples/async_task.rs"]
mod async_task;
#[path = "../examples/echo.rs"]
mod echo;
#[path = "../examples/long_command.rs"]
mod long_command;
#[path = "../examples/own_commands.rs"]
mod own_commands;
#[path = "../examples/unix_socket.rs"]
mod unix_socket;

fn said(serve: impl FnOnce(&[u8], &mut Vec<u8>) -> io::Result<()>, requests: &str) -> String {
    let mut output = Vec::new();
    serve(requests.as_bytes(), &mut output).expect("memory can be written to");
    String::from_utf8(output).expect("a reply is ASCII")
}

#[test]
fn echo_answers_standard_input() {
    let reply = said(|input, output| echo::serve(input, output), r#"{"execute": "guest-ping", "id": "hello"}"#);
    assert_eq!(reply, "{\"return\": {}, \"id\": \"hello\"}\n");
}

#[test]
fn own_commands_name_what_failed() {
    let requests = r#"{"execute": "example-mount", "arguments": {"volumes": [{"name": "data", "path": "/data"}]}}
        {"execute": "example-mount", "arguments": {"volumes": [{"name": "date", "path": "/data"}]}}
        {"execute": "example-mount", "arguments": {"volumes": [{"name": "logs", "path": "/l", "access": "no"}]}}
        {"execute": "example-list-mounts"}"#;
    let error = |text| format!("{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"{text}\"}}}}\n");
    let expected = [
        "{\"return\": 1}\n".to_owned(),
        error("failed to mount /data: there is no disk 'date'"),
        error("Parameter 'volumes[0].access' does not accept value 'no'"),
        "{\"return\": [{\"volume\":\"data\",\"path\":\"/data\"}]}\n".to_owned(),
    ];
    assert_eq!(said(|input, output| own_commands::serve(input, output), requests), expected.concat());
}

#[test]
fn a_file_is_written_and_read_over_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("nanoqga-example-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).expect("the folder for temporary files can be written to");
    let server = thread::spawn(move || unix_socket::serve(&listener, &mut unix_socket::guest(), 2));
    let mut ask = {
        let stream = UnixStream::connect(&path).expect("it listens");
        let mut replies = BufReader::new(stream.try_clone().expect("a socket can be shared"));
        let mut stream = stream;
        move |command: &str, arguments: &str| {
            let request = format!("{{\"execute\": \"guest-{command}\", \"arguments\": {{{arguments}}}}}\n");
            stream.write_all(request.as_bytes()).expect("the agent reads");
            let mut reply = String::new();
            replies.read_line(&mut reply).expect("the agent replies");
            reply
        }
    };
    assert_eq!(ask("file-open", r#""path": "/motd""#), "{\"return\": 1}\n");
    assert_eq!(
        ask("file-read", r#""handle": 1"#),
        "{\"return\": {\"buf-b64\":\"aGVsbG8sIGhvc3QK\",\"count\":12,\"eof\":true}}\n"
    );
    assert_eq!(ask("file-open", r#""path": "/new", "mode": "w+""#), "{\"return\": 2}\n");
    assert_eq!(ask("file-write", r#""handle": 2, "buf-b64": "SGk=""#), "{\"return\": {\"count\":2,\"eof\":false}}\n");
    assert_eq!(
        ask("file-seek", r#""handle": 2, "offset": -1, "whence": "end""#),
        "{\"return\": {\"position\":1,\"eof\":false}}\n"
    );
    assert_eq!(ask("file-read", r#""handle": 2"#), "{\"return\": {\"buf-b64\":\"aQ==\",\"count\":1,\"eof\":true}}\n");
    drop(ask);
    // The second host hangs up at once.
    drop(UnixStream::connect(&path));
    std::fs::remove_file(&path).expect("it is there");
    assert!(server.join().expect("the server does not panic").is_ok());
}

#[test]
fn a_long_command_is_polled() {
    let said = long_command::conversation();
    let replies: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("<- {\"return\": ")).collect();
    let [running, half, done] =
        [r#"{"done":false,"percent":0}"#, r#"{"done":false,"percent":50}"#, r#"{"done":true,"percent":100}"#];
    assert_eq!(replies, [r#"{"check":0}"#, running, half, done].map(|reply| format!("{reply}}}")));
}

#[test]
fn a_task_serves_a_host_until_it_hangs_up() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs only memory");
    let conversation = runtime.block_on(async_task::conversation()).expect("a pipe in memory does not fail");
    assert_eq!(conversation, ("{\"return\": 7}\n".to_owned(), true));
}
