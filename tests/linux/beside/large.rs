//! Requests as large as qemu-ga takes them.

use std::fs;

use anyhow::{Context, Result, ensure};
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use tests::program::ours;
use tests::{Program, soon};

use super::Pair;
use super::pair::Agent;

/// The memory that a process has, in KiB.
fn resident(program: &Program) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", program.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Bytes that differ from place to place.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 7 + place / 251) as u8).collect()
}

/// Writes a file with one request.
fn write(agent: &mut Agent, length: usize) -> Result<()> {
    let path = agent.program.folder().join("file");
    let handle = agent.get("guest-file-open", &json!({"path": path, "mode": "w"}))?;
    let content = bytes(length);
    let written = agent.get("guest-file-write", &json!({"handle": handle, "buf-b64": BASE64.encode(&content)}))?;
    agent.get("guest-file-close", &json!({"handle": handle}))?;
    ensure!(written["count"] == length && fs::read(&path)? == content, "{length}: {written}");
    Ok(())
}

#[test]
fn a_file_is_written_by_one_request_and_its_memory_given_back() -> Result<()> {
    let Pair { mut ours, mut reference, .. } = Pair::start()?;
    for length in [96 << 10, 1 << 20, 48_000_000] {
        write(&mut ours, length)?;
        write(&mut reference, length)?;
        let resident = resident(&ours.program)?;
        ensure!(resident <= 600, "{resident} KiB after {length} bytes");
    }
    Ok(())
}

/// What hosts ask for again and again, and how often in all.
const QUESTIONS: [&str; 10] = [
    "guest-ping",
    "guest-info",
    "guest-get-osinfo",
    "guest-get-timezone",
    "guest-network-get-interfaces",
    "guest-get-fsinfo",
    "guest-get-disks",
    "guest-get-vcpus",
    "guest-get-users",
    "guest-file-open",
];
const ASKED: usize = 10_000;

#[test]
fn ten_thousand_commands_leave_no_memory_behind() -> Result<()> {
    let mut ours = Agent::ours()?;
    for place in 0..ASKED {
        let command = QUESTIONS[place % QUESTIONS.len()];
        if command == "guest-file-open" {
            let handle = ours.get(command, &json!({"path": "/proc/self/status"}))?;
            ours.get("guest-file-read", &json!({"handle": handle}))?;
            ours.get("guest-file-close", &json!({"handle": handle}))?;
        } else {
            ours.get(command, &json!({}))?;
        }
    }
    write(&mut ours, 48_000_000)?;
    let resident = resident(&ours.program)?;
    ensure!(resident <= 600, "{resident} KiB");
    Ok(())
}

#[test]
fn a_program_takes_a_hundred_kilobytes_as_its_input() -> Result<()> {
    let mut ours = Agent::ours()?;
    let input = BASE64.encode(bytes(100_000));
    let started = ours.get("guest-exec", &json!({"path": "sha256sum", "input-data": input, "capture-output": true}))?;
    let status = soon().poll("the sum", || {
        let status = ours.get("guest-exec-status", &started)?;
        Ok((status["exited"] == true).then_some(status))
    })?;
    let cat =
        ours.get("guest-exec", &json!({"path": "wc", "arg": ["-c"], "input-data": input, "capture-output": true}))?;
    let count = soon().poll("the count", || {
        let status = ours.get("guest-exec-status", &cat)?;
        Ok((status["exited"] == true).then_some(status))
    })?;
    let text = |status: &serde_json::Value| BASE64.decode(status["out-data"].as_str().unwrap_or_default());
    ensure!(text(&count)?.trim_ascii() == b"100000", "{count}");
    ensure!(text(&status)?.len() > 64, "{status}");
    Ok(())
}

#[test]
fn a_request_over_the_limit_is_refused_once_and_skipped() -> Result<()> {
    let program = Program::start(&ours()?, &["--request-limit", "100000"])?;
    let mut client = program.connect()?;
    let ping = |length: usize| format!("{{\"execute\":\"guest-ping\",\"id\":\"{}\"}}", "x".repeat(length));
    ensure!(client.request(&ping(90_000), soon())?.json()?["return"] == json!({}));
    let refused = client.request(&(ping(200_000) + "\n"), soon())?.json()?;
    ensure!(refused["error"]["desc"] == "JSON token size limit exceeded", "{refused}");
    ensure!(client.request(r#"{"execute":"guest-ping","id":1}"#, soon())?.json()?["id"] == 1);
    Ok(())
}
