//! Conversations that are timed, over a socket with an agent at its other end.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// How long an agent may be silent.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) const PING: &str = r#"{"execute":"guest-ping"}"#;
/// Every agent's answer, byte for byte, without the end of its line.
pub(super) const PONG: &[u8] = b"{\"return\": {}}";

/// Three bytes of a file that is written, and their base64.
const CONTENT: (usize, &str) = (3, "eHh4");

/// Sees to it that nobody waits for ever.
pub(super) fn with_limits(stream: UnixStream) -> Result<UnixStream> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    Ok(stream)
}

/// A command without arguments.
pub(super) fn command(name: &str) -> String {
    format!(r#"{{"execute":"{name}"}}"#)
}

/// Sends a line and reads one; returns its length.
pub(super) fn exchange(stream: &mut UnixStream, request: &str) -> Result<usize> {
    send(stream, request)?;
    let mut room = [0; 64 << 10];
    let mut length = 0;
    loop {
        let count = stream.read(&mut room)?;
        ensure!(count > 0, "the other end is gone");
        length += count;
        if room[count - 1] == b'\n' {
            return Ok(length);
        }
    }
}

fn send(stream: &mut UnixStream, request: &str) -> Result<()> {
    let mut line = String::with_capacity(request.len() + 1);
    line.push_str(request);
    line.push('\n');
    Ok(stream.write_all(line.as_bytes())?)
}

/// Sends a command that must succeed; gives what it returns.
fn execute(stream: &mut UnixStream, request: &str) -> Result<Value> {
    send(stream, request)?;
    let mut line = Vec::new();
    let mut room = [0; 4096];
    while line.last() != Some(&b'\n') {
        let count = stream.read(&mut room)?;
        ensure!(count > 0, "the other end is gone");
        line.extend_from_slice(&room[..count]);
    }
    let reply: Value = serde_json::from_slice(&line)?;
    let request = &request[..request.len().min(80)];
    reply.get("return").cloned().with_context(|| format!("{request}: {reply}"))
}

/// Sees to it that a command succeeds.
pub(super) fn must_succeed(stream: &mut UnixStream, name: &str) -> Result<()> {
    execute(stream, &command(name)).map(drop)
}

/// Seconds of so many round trips, one by one.
pub(super) fn round_trips(stream: &mut UnixStream, request: &str, times: usize) -> Result<Vec<f64>> {
    let trip = || {
        let start = Instant::now();
        exchange(stream, request)?;
        Ok(start.elapsed().as_secs_f64())
    };
    std::iter::repeat_with(trip).take(times).collect()
}

/// Replies in a second, to so many guest-pings that do not wait for them.
pub(super) fn pipelined(stream: &mut UnixStream, times: usize) -> Result<f64> {
    let mut writer = stream.try_clone()?;
    let start = Instant::now();
    let sending = thread::spawn(move || writer.write_all(format!("{PING}\n").repeat(times).as_bytes()));
    let mut room = [0; 64 << 10];
    let mut left = times * (PONG.len() + 1);
    while left > 0 {
        let count = stream.read(&mut room)?;
        ensure!(count > 0 && count <= left, "other replies than were due");
        left -= count;
    }
    let seconds = start.elapsed().as_secs_f64();
    sending.join().ok().context("the sender failed")??;
    Ok(times as f64 / seconds)
}

/// Writes a file of so many bytes, in pieces of a length that is a multiple of three; returns bytes in a second.
pub(super) fn write_file(stream: &mut UnixStream, path: &str, length: usize, piece: usize) -> Result<f64> {
    let handle = open(stream, path, "w")?;
    let base64 = CONTENT.1.repeat(piece / CONTENT.0);
    let write = about("write", handle, &format!(r#","buf-b64":"{base64}""#));
    let start = Instant::now();
    for _ in 0..length / piece {
        let written = execute(stream, &write)?;
        ensure!(written["count"] == piece, "guest-file-write: {written}");
    }
    // What it has written is safe, or as safe as it gets there, when the file is closed.
    exchange(stream, &about("close", handle, ""))?;
    Ok(length as f64 / start.elapsed().as_secs_f64())
}

/// Reads the first so many bytes of a file in pieces; returns bytes in a second.
pub(super) fn read_file(stream: &mut UnixStream, path: &str, length: usize, piece: usize) -> Result<f64> {
    let handle = open(stream, path, "r")?;
    let read = about("read", handle, &format!(r#","count":{piece}"#));
    let start = Instant::now();
    for _ in 0..length / piece {
        let reply = exchange(stream, &read)?;
        ensure!(reply > piece, "a short read: {reply}");
    }
    let seconds = start.elapsed().as_secs_f64();
    exchange(stream, &about("close", handle, ""))?;
    Ok(length as f64 / seconds)
}

fn open(stream: &mut UnixStream, path: &str, mode: &str) -> Result<i64> {
    let open = format!(r#"{{"execute":"guest-file-open","arguments":{{"path":"{path}","mode":"{mode}"}}}}"#);
    execute(stream, &open)?.as_i64().context("guest-file-open returned no handle")
}

fn about(what: &str, handle: i64, more: &str) -> String {
    format!(r#"{{"execute":"guest-file-{what}","arguments":{{"handle":{handle}{more}}}}}"#)
}
