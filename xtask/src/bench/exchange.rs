//! Conversations with an agent that are timed.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::awake::Awake;

pub(super) const PING: &str = r#"{"execute":"guest-ping"}"#;
/// Every agent's answer, byte for byte, without the end of its line.
pub(super) const PONG: &[u8] = b"{\"return\": {}}";

/// Three bytes of a file that is written, and their base64.
const CONTENT: (usize, &str) = (3, "eHh4");

/// A command without arguments.
pub(super) fn command(name: &str) -> String {
    format!(r#"{{"execute":"{name}"}}"#)
}

/// Sends a line and reads one; returns its length.
pub(super) fn exchange(agent: &mut Awake, request: &str) -> Result<usize> {
    send(agent, request)?;
    let mut room = [0; 64 << 10];
    let mut length = 0;
    loop {
        let count = agent.receive(&mut room)?;
        length += count;
        if room[count - 1] == b'\n' {
            return Ok(length);
        }
    }
}

fn send(agent: &mut Awake, request: &str) -> Result<()> {
    let mut line = String::with_capacity(request.len() + 1);
    line.push_str(request);
    line.push('\n');
    agent.send(line.as_bytes())
}

/// Sends a command that must succeed; gives what it returns.
fn execute(agent: &mut Awake, request: &str) -> Result<Value> {
    send(agent, request)?;
    let mut line = Vec::new();
    let mut room = [0; 4096];
    while line.last() != Some(&b'\n') {
        let count = agent.receive(&mut room)?;
        line.extend_from_slice(&room[..count]);
    }
    let reply: Value = serde_json::from_slice(&line)?;
    let request = &request[..request.len().min(80)];
    reply.get("return").cloned().with_context(|| format!("{request}: {reply}"))
}

/// Sees to it that a command succeeds.
pub(super) fn must_succeed(agent: &mut Awake, name: &str) -> Result<()> {
    execute(agent, &command(name)).map(drop)
}

/// Seconds of so many round trips, one by one.
pub(super) fn round_trips(agent: &mut Awake, request: &str, times: usize) -> Result<Vec<f64>> {
    let trip = || {
        let start = Instant::now();
        exchange(agent, request)?;
        Ok(start.elapsed().as_secs_f64())
    };
    std::iter::repeat_with(trip).take(times).collect()
}

/// Replies in a second, to so many guest-pings that do not wait for them.
pub(super) fn pipelined(agent: &mut Awake, times: usize) -> Result<f64> {
    let requests = format!("{PING}\n").repeat(times);
    let start = Instant::now();
    agent.exchange_at_once(requests.as_bytes(), times * (PONG.len() + 1))?;
    Ok(times as f64 / start.elapsed().as_secs_f64())
}

/// Writes a file of so many bytes, in pieces of a length that is a multiple of three; returns bytes in a second.
pub(super) fn write_file(agent: &mut Awake, path: &str, length: usize, piece: usize) -> Result<f64> {
    let handle = open(agent, path, "w")?;
    let base64 = CONTENT.1.repeat(piece / CONTENT.0);
    let write = about("write", handle, &format!(r#","buf-b64":"{base64}""#));
    let start = Instant::now();
    for _ in 0..length / piece {
        let written = execute(agent, &write)?;
        ensure!(written["count"] == piece, "guest-file-write: {written}");
    }
    // What it has written is safe, or as safe as it gets there, when the file is closed.
    exchange(agent, &about("close", handle, ""))?;
    Ok(length as f64 / start.elapsed().as_secs_f64())
}

/// Reads the first so many bytes of a file in pieces; returns bytes in a second.
pub(super) fn read_file(agent: &mut Awake, path: &str, length: usize, piece: usize) -> Result<f64> {
    let handle = open(agent, path, "r")?;
    let read = about("read", handle, &format!(r#","count":{piece}"#));
    let start = Instant::now();
    for _ in 0..length / piece {
        let reply = exchange(agent, &read)?;
        ensure!(reply > piece, "a short read: {reply}");
    }
    let seconds = start.elapsed().as_secs_f64();
    exchange(agent, &about("close", handle, ""))?;
    Ok(length as f64 / seconds)
}

/// Reads 4 KiB at so many random places of a file; returns reads in a second.
pub(super) fn random_reads(agent: &mut Awake, path: &str, length: usize, times: usize) -> Result<f64> {
    const PIECE: usize = 4096;
    let handle = open(agent, path, "r")?;
    let read = about("read", handle, &format!(r#","count":{PIECE}"#));
    // The same places for everyone. Constants of Knuth's generator.
    let mut random = 1_u64;
    let start = Instant::now();
    for _ in 0..times {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = (random >> 33) as usize % (length - PIECE);
        exchange(agent, &about("seek", handle, &format!(r#","offset":{place},"whence":"set""#)))?;
        let reply = exchange(agent, &read)?;
        ensure!(reply > PIECE, "a short read: {reply}");
    }
    let seconds = start.elapsed().as_secs_f64();
    exchange(agent, &about("close", handle, ""))?;
    Ok(times as f64 / seconds)
}

fn open(agent: &mut Awake, path: &str, mode: &str) -> Result<i64> {
    let open = format!(r#"{{"execute":"guest-file-open","arguments":{{"path":"{path}","mode":"{mode}"}}}}"#);
    execute(agent, &open)?.as_i64().context("guest-file-open returned no handle")
}

fn about(what: &str, handle: i64, more: &str) -> String {
    format!(r#"{{"execute":"guest-file-{what}","arguments":{{"handle":{handle}{more}}}}}"#)
}
