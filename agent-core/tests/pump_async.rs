//! The awaited pump on a real executor: hosts that pipeline, that are slow, that leave, and channels that break.

use std::time::Duration;

use crate::common::{COMMANDS, Guest, agent, ask};
use embedded_io_adapters::tokio_1::FromTokio;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use nanoqga::serve::Pump;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Builder;
use tokio::task::yield_now;
use tokio::time::timeout;

const PING: &[u8] = br#"{"execute":"guest-ping"}"#;
const PONG: &[u8] = b"{\"return\": {}}\n";
const INFO: &[u8] = br#"{"execute":"guest-info"}"#;
const SHUTDOWN: &[u8] = br#"{"execute":"guest-shutdown"}"#;

/// Only a scenario that hangs takes longer.
const HANG: Duration = Duration::from_secs(600);

/// Runs `scenario` on an executor of one thread. It has to come to an end.
fn run<T>(scenario: impl Future<Output = T>) -> T {
    let executor = Builder::new_current_thread().enable_time().build().unwrap();
    executor.block_on(async { timeout(HANG, scenario).await.expect("the scenario hangs") })
}

/// A channel that holds no more than `size` bytes in each direction: the guest's end, the host's.
fn channel(size: usize) -> (FromTokio<DuplexStream>, DuplexStream) {
    let (guest, host) = tokio::io::duplex(size);
    (FromTokio::new(guest), host)
}

/// Reads to the end, `count` bytes at a time, and lets the guest run `turns` times between two reads.
async fn read_slowly(mut end: impl AsyncReadExt + Unpin, count: usize, turns: usize) -> Vec<u8> {
    let (mut all, mut room) = (Vec::new(), vec![0; count]);
    loop {
        for _ in 0..turns {
            yield_now().await;
        }
        match end.read(&mut room).await.unwrap() {
            0 => return all,
            read => all.extend_from_slice(&room[..read]),
        }
    }
}

/// Serves a host that sends `requests` at once and closes its end, through channels of `size` bytes; returns all it got.
fn pipeline(requests: Vec<u8>, size: usize, count: usize, turns: usize) -> String {
    run(async {
        let (mut guests, host) = channel(size);
        let (from_guest, mut to_guest) = tokio::io::split(host);
        let writer = tokio::spawn(async move {
            to_guest.write_all(&requests).await.unwrap();
            to_guest.shutdown().await.unwrap();
        });
        let reader = tokio::spawn(read_slowly(from_guest, count, turns));
        let (mut agent, mut pump) = (agent(&COMMANDS), <Pump<32>>::new());
        pump.serve(&mut agent, &mut Guest::default(), &mut guests).await.unwrap();
        drop(guests);
        writer.await.unwrap();
        crate::common::readable(&reader.await.unwrap())
    })
}

#[test]
fn pipelined_requests_are_all_answered_through_small_buffers() {
    let requests = [&PING.repeat(50), INFO, &PING.repeat(50)].concat();
    let pongs = crate::common::readable(&PONG.repeat(50));
    let expected = [&*pongs, &*ask(INFO), &*pongs].concat();
    for size in [1, 7, 64, 4096] {
        assert_eq!(pipeline(requests.clone(), size, 1000, 0), expected, "a channel of {size} bytes");
    }
}

#[test]
fn a_host_that_reads_slowly_gets_everything() {
    let requests = [INFO, PING].concat();
    let expected = [ask(INFO), ask(PING)].concat();
    assert_eq!(pipeline(requests, 16, 1, 5), expected);
}

#[test]
fn a_host_that_closes_in_the_middle_of_a_message_leaves_nothing_to_the_next() {
    run(async {
        let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
        let mut guest = Guest::default();
        for half in [&PING[..10], b"{\"execute\":\"", b"[[[", b"{\"id\":\"\\"] {
            let (mut guests, mut host) = channel(64);
            host.write_all(half).await.unwrap();
            drop(host);
            pump.serve(&mut agent, &mut guest, &mut guests).await.unwrap();
            assert!(agent.is_receiving() && !agent.has_half_a_request());

            let (mut guests, mut host) = channel(64);
            host.write_all(PING).await.unwrap();
            host.shutdown().await.unwrap();
            pump.serve(&mut agent, &mut guest, &mut guests).await.unwrap();
            drop(guests);
            assert_eq!(read_slowly(host, 64, 0).await, PONG);
        }
    });
}

#[test]
fn a_future_that_is_dropped_loses_nothing() {
    run(async {
        let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
        let mut guest = Guest::default();
        let (mut guests, mut host) = channel(100);
        host.write_all(INFO).await.unwrap();
        host.write_all(&PING[..7]).await.unwrap();
        let mut got = Vec::new();
        let expected = [ask(INFO), ask(PING)].concat();
        let mut rest = &PING[7..];
        while got.len() < expected.len() {
            // The host does nothing while the guest is served, so that comes to no end.
            let served = pump.serve(&mut agent, &mut guest, &mut guests);
            timeout(Duration::ZERO, served).await.expect_err("the host has not closed");
            let mut room = [0; 33];
            let read = host.read(&mut room).await.unwrap();
            got.extend_from_slice(&room[..read]);
            if got.len() == ask(INFO).len() {
                host.write_all(std::mem::take(&mut rest)).await.unwrap();
            }
        }
        assert_eq!(crate::common::readable(&got), expected);
    });
}

/// A channel that keeps what is written until it is flushed, and whose flushes fail while it is broken.
#[derive(Default)]
struct Buffered {
    from_host: Vec<u8>,
    kept: Vec<u8>,
    to_host: Vec<u8>,
    broken: bool,
}

impl ErrorType for Buffered {
    type Error = ErrorKind;
}

impl Read for Buffered {
    async fn read(&mut self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        assert!(self.kept.is_empty(), "the pump waits for the host, which waits for a reply");
        let count = room.len().min(self.from_host.len());
        room[..count].copy_from_slice(&self.from_host[..count]);
        self.from_host.drain(..count);
        Ok(count)
    }
}

impl Write for Buffered {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let taken = bytes.len().min(5);
        self.kept.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        if self.broken && !self.kept.is_empty() {
            return Err(ErrorKind::Other);
        }
        self.to_host.append(&mut self.kept);
        Ok(())
    }
}

#[test]
fn a_command_runs_only_when_every_earlier_reply_was_flushed_and_errors_are_passed_on() {
    run(async {
        let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
        let mut guest = Guest::default();
        let mut channel = Buffered { from_host: [PING, SHUTDOWN].concat(), broken: true, ..Buffered::default() };
        for _ in 0..2 {
            let served = pump.serve(&mut agent, &mut guest, &mut channel).await;
            assert_eq!((served, guest.went.len()), (Err(ErrorKind::Other), 0));
        }
        channel.broken = false;
        assert_eq!(pump.serve(&mut agent, &mut guest, &mut channel).await, Ok(()));
        assert_eq!((channel.to_host.as_slice(), guest.went.len()), (PONG, 1));
    });
}

#[test]
fn an_error_reply_is_flushed_before_the_rest_of_a_bad_message_is_awaited() {
    run(async {
        let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
        let mut channel = Buffered { from_host: b"{\"a\" [".into(), ..Buffered::default() };
        assert_eq!(pump.serve(&mut agent, &mut Guest::default(), &mut channel).await, Ok(()));
        let error = crate::common::error("1:6: JSON parse error, expecting ':'");
        assert_eq!(crate::common::readable(&channel.to_host), error);
    });
}
