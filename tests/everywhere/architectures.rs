//! The agent of each architecture, run by QEMU's emulators of programs: what it says of this machine is what this machine's own
//! agent says.

use anyhow::{Context, Result, ensure};
use debian::executable::Executable;
use debian::packages::emulators;
use nanoqga_testkit::client::{Client, request_line};
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tests::images::linux_agent_for;
use tests::program::ours;
use tests::recorded::hold_all;
use tests::{Program, soon};

/// Further than a position of 32 bits.
const FAR: i64 = 5 << 30;

/// What the agents say alike, and those members of it that change by themselves, or are of the processor.
const TOLD_ALIKE: [(&str, &[&str]); 15] = [
    ("guest-info", &[]),
    ("guest-get-osinfo", &["machine"]),
    ("guest-get-host-name", &[]),
    ("guest-get-timezone", &[]),
    ("guest-get-users", &[]),
    ("guest-get-vcpus", &[]),
    ("guest-get-memory-blocks", &[]),
    ("guest-get-memory-block-info", &[]),
    ("guest-get-fsinfo", &["used-bytes"]),
    ("guest-get-disks", &[]),
    ("guest-get-diskstats", &["stats"]),
    (
        "guest-get-cpustats",
        &["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guestnice"],
    ),
    ("guest-get-load", &["load1m", "load5m", "load15m"]),
    ("guest-network-get-interfaces", &["statistics"]),
    ("guest-network-get-route", &["use"]),
];

#[test]
fn i686() -> Result<()> {
    holds("i686", "qemu-i386-static")
}

#[test]
fn aarch64() -> Result<()> {
    holds("aarch64", "qemu-aarch64-static")
}

#[test]
fn armv7() -> Result<()> {
    holds("armv7", "qemu-arm-static")
}

#[test]
fn riscv64() -> Result<()> {
    holds("riscv64", "qemu-riscv64-static")
}

#[test]
fn ppc64le() -> Result<()> {
    holds("ppc64le", "qemu-ppc64le-static")
}

#[test]
fn s390x() -> Result<()> {
    holds("s390x", "qemu-s390x-static")
}

/// Every kind of conversation with the agent of an architecture.
fn holds(architecture: &str, emulator: &str) -> Result<()> {
    let program = Executable::with_emulator(linux_agent_for(architecture)?, emulators()?.join(emulator));
    let agent = Program::start(&program, &["-v"])?;
    let native = Program::start(&ours()?, &[])?;
    converse(&mut agent.connect()?, &mut native.connect()?).with_context(|| agent.said())
}

fn converse(agent: &mut Client, native: &mut Client) -> Result<()> {
    hold_all(agent)?;
    let mut differences = Vec::new();
    for (command, changing) in TOLD_ALIKE {
        let [ours, theirs] = [&mut *agent, &mut *native].map(|agent| told(agent, command, changing));
        let (ours, theirs) = (ours?, theirs?);
        if ours != theirs {
            differences.push(format!("{command}\n  emulated: {ours}\n  native:   {theirs}"));
        }
    }
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    let [ours, theirs] = [&mut *agent, &mut *native].map(|agent| agent.execute("guest-get-time", json!({}), soon()));
    let (ours, theirs) = (ours?.as_i64().context("a time")?, theirs?.as_i64().context("a time")?);
    // It was asked before.
    ensure!(ours <= theirs && ours > 1_700_000_000_000_000_000, "{ours} before {theirs}");
    keeps_a_file(agent)?;
    runs_a_program(agent)?;
    let id = "x".repeat(1 << 20);
    let reply = agent.request(&json!({"execute": "guest-ping", "id": id}).to_string(), soon())?;
    ensure!(reply.json()? == json!({"return": {}, "id": id}));
    Ok(())
}

/// What a command returns, without members that change.
fn told(agent: &mut Client, command: &str, changing: &[&str]) -> Result<Value> {
    let reply = agent.request(&request_line(command, Some(&json!({}))), soon())?.json()?;
    Ok(without(reply, changing))
}

fn without(value: Value, names: &[&str]) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(|element| without(element, names)).collect(),
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(name, _)| !names.contains(&name.as_str()));
            kept.map(|(name, value)| (name, without(value, names))).collect()
        }
        other => other,
    }
}

fn keeps_a_file(agent: &mut Client) -> Result<()> {
    let folder = nanoqga_testkit::folder::PrivateFolder::new()?;
    let path = folder.path().join("file");
    let bytes: Vec<u8> = (0..100_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let handle = agent.execute("guest-file-open", json!({"path": path, "mode": "w+"}), soon())?;
    let seek = json!({"handle": handle, "offset": FAR, "whence": "set"});
    ensure!(agent.execute("guest-file-seek", seek.clone(), soon())?["position"] == FAR);
    let write = json!({"handle": handle, "buf-b64": BASE64.encode(&bytes)});
    ensure!(agent.execute("guest-file-write", write, soon())?["count"] == bytes.len());
    ensure!(std::fs::metadata(&path)?.len() == FAR as u64 + bytes.len() as u64);
    agent.execute("guest-file-seek", seek, soon())?;
    let read = agent.execute("guest-file-read", json!({"handle": handle, "count": bytes.len()}), soon())?;
    ensure!(BASE64.decode(read["buf-b64"].as_str().unwrap_or_default())? == bytes);
    agent.execute("guest-file-close", json!({"handle": handle}), soon()).map(drop)
}

fn runs_a_program(agent: &mut Client) -> Result<()> {
    let program = json!({"path": "sh", "arg": ["-c", "cat; echo $WORD >&2; exit 7"], "env": ["WORD=said"],
        "input-data": BASE64.encode("given"), "capture-output": true});
    let started = agent.execute("guest-exec", program, soon())?;
    let status = soon().poll("the end of a program", || {
        let status = agent.execute("guest-exec-status", started.clone(), soon())?;
        Ok((status["exited"] == true).then_some(status))
    })?;
    ensure!(status["exitcode"] == 7, "{status}");
    ensure!(status["out-data"] == BASE64.encode("given") && status["err-data"] == BASE64.encode("said\n"), "{status}");
    Ok(())
}
