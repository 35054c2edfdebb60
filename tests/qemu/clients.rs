//! What each host's own client sends, as it sends it, to the profile `appliance`.

use std::io::{Read, Write};

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tests::images::APPLIANCE;
use tests::{Booted, soon};

fn appliance() -> Result<Booted> {
    Booted::of(&APPLIANCE, "q35", Channel::Virtio, |config| _ = config.user_network())
}

/// KubeVirt takes an agent for supported only with all of these enabled.
#[test]
fn kubevirt_finds_all_that_it_wants() -> Result<()> {
    let mut guest = appliance()?;
    let info = guest.agent.execute("guest-info", json!({}), soon())?;
    let commands = info["supported_commands"].as_array().context("guest-info lists commands")?;
    for name in [
        "guest-ping",
        "guest-get-time",
        "guest-info",
        "guest-shutdown",
        "guest-network-get-interfaces",
        "guest-get-fsinfo",
        "guest-get-host-name",
        "guest-get-users",
        "guest-get-timezone",
        "guest-get-osinfo",
        // Asked every few seconds once the agent is there.
        "guest-fsfreeze-status",
        "guest-get-load",
    ] {
        ensure!(commands.iter().any(|command| command["name"] == name && command["enabled"] == true), "{name}");
        if name != "guest-shutdown" {
            guest.agent.execute(name, json!({}), soon())?;
        }
    }
    Ok(())
}

/// One command as Proxmox VE sends it: over a connection of its own, behind a sync in the same write. Everything up to the
/// byte 0xff is skipped; then come exactly two lines.
fn proxmox(guest: &mut Guest, command: &str, arguments: &Value) -> Result<Value> {
    let id = 12_340;
    let mut stream = guest.connect(soon())?.into_stream()?;
    stream.set_read_timeout(Some(soon().limit()))?;
    let sync = json!({"execute": "guest-sync-delimited", "arguments": {"id": id}});
    let request = json!({"execute": command, "arguments": arguments});
    stream.write_all(format!("{sync}\n{request}\n").as_bytes())?;
    let mut received = Vec::new();
    let mut piece = [0; 65536];
    loop {
        let count = stream.read(&mut piece)?;
        ensure!(count > 0, "{command}: the channel was closed");
        received.extend_from_slice(&piece[..count]);
        let Some(start) = received.iter().position(|&byte| byte == 0xff) else { continue };
        let lines: Vec<_> = received[start + 1..].split_inclusive(|&byte| byte == b'\n').collect();
        ensure!(lines.len() <= 2, "{command}: something after the reply");
        if let [first, second] = lines[..]
            && second.ends_with(b"\n")
        {
            ensure!(first == format!("{{\"return\": {id}}}\n").as_bytes(), "{command}: the sync's reply");
            ensure!(second.ends_with(b"}\n"), "{command}: a line that does not end where its object does");
            return Ok(serde_json::from_slice(second)?);
        }
    }
}

/// As Perl's MIME::Base64 writes it: a line break after every 76 characters, and at the end.
fn base64_lines(bytes: &[u8]) -> String {
    BASE64.encode(bytes).as_bytes().chunks(76).flat_map(|line| [line, b"\n"].concat()).map(char::from).collect()
}

#[test]
fn proxmox_gets_an_answer_to_each_of_its_commands() -> Result<()> {
    let Booted { agent, mut guest } = appliance()?;
    drop(agent);
    let returned = |guest: &mut Guest, command: &str, arguments: Value| -> Result<Value> {
        let reply = proxmox(guest, command, &arguments)?;
        reply.get("return").cloned().with_context(|| format!("{command}: {reply}"))
    };
    for command in [
        "guest-ping",
        "guest-get-time",
        "guest-info",
        "guest-network-get-interfaces",
        "guest-get-vcpus",
        "guest-get-fsinfo",
        "guest-get-memory-blocks",
        "guest-get-memory-block-info",
        "guest-get-host-name",
        "guest-get-osinfo",
        "guest-get-users",
        "guest-get-timezone",
        "guest-fstrim",
    ] {
        returned(&mut guest, command, json!({}))?;
    }
    // A backup.
    ensure!(returned(&mut guest, "guest-fsfreeze-status", json!({}))? == "thawed");
    let frozen = returned(&mut guest, "guest-fsfreeze-freeze", json!({}))?;
    ensure!(returned(&mut guest, "guest-fsfreeze-thaw", json!({}))? == frozen);
    // A file, in the largest pieces that there are.
    let bytes: Vec<u8> = (0..60 << 10).map(|index: u32| (index % 251) as u8).collect();
    let handle = returned(&mut guest, "guest-file-open", json!({"path": "/from-host", "mode": "wb"}))?;
    let content = base64_lines(&bytes);
    let written = returned(&mut guest, "guest-file-write", json!({"handle": handle, "buf-b64": content}))?;
    ensure!(written["count"] == bytes.len(), "{written}");
    returned(&mut guest, "guest-file-close", json!({"handle": handle}))?;
    let handle = returned(&mut guest, "guest-file-open", json!({"path": "/from-host", "mode": "rb"}))?;
    let read = returned(&mut guest, "guest-file-read", json!({"handle": handle, "count": 1 << 20}))?;
    ensure!(
        BASE64.decode(read["buf-b64"].as_str().unwrap_or_default())? == bytes,
        "what was read is not what was written"
    );
    ensure!(read["eof"] == true, "a read that came to the end");
    returned(&mut guest, "guest-file-close", json!({"handle": handle}))?;
    // What there is none of is a plain error, and the agent goes on.
    for (command, arguments) in [
        ("guest-exec", json!({"path": "/bin/true", "arg": [], "capture-output": true})),
        ("guest-exec-status", json!({"pid": 1})),
    ] {
        let reply = proxmox(&mut guest, command, &arguments)?;
        ensure!(reply["error"]["class"] == "GenericError", "{command}: {reply}");
    }
    let run = proxmox(&mut guest, "guest-exec", &json!({"path": "/bin/true"}))?.to_string();
    ensure!(run.contains("this guest runs no programs"), "guest-exec: {run}");
    // Nobody may believe that passwords can be set.
    let password = json!({"username": "root", "password": base64_lines(b"x"), "crypted": false});
    let reply = proxmox(&mut guest, "guest-set-user-password", &password)?;
    ensure!(reply["error"]["class"] == "CommandNotFound", "guest-set-user-password: {reply}");
    returned(&mut guest, "guest-ping", json!({})).map(drop)
}

/// Ansible's connection plugin compares whole entries of guest-info, and sends files in pieces of 64 KiB.
#[test]
fn ansible_may_connect_and_send_a_file() -> Result<()> {
    let mut guest = appliance()?;
    let info = guest.agent.execute("guest-info", json!({}), soon())?;
    let commands = info["supported_commands"].as_array().context("guest-info lists commands")?;
    for name in ["exec", "exec-status", "file-open", "file-close", "file-read", "file-write"] {
        let entry = json!({"enabled": true, "name": format!("guest-{name}"), "success-response": true});
        ensure!(commands.contains(&entry), "{entry} is not among {commands:?}");
    }
    let bytes: Vec<u8> = (0..64 << 10).map(|index: u32| (index % 241) as u8).collect();
    let open = json!({"path": "/sent", "mode": "wb+"});
    let handle = guest.agent.execute("guest-file-open", open, soon())?;
    for _ in 0..3 {
        let piece = json!({"handle": handle, "buf-b64": BASE64.encode(&bytes)});
        let written = guest.agent.execute("guest-file-write", piece, soon())?;
        ensure!(written["count"] == bytes.len(), "{written}");
    }
    guest.agent.execute("guest-file-close", json!({"handle": handle}), soon())?;
    let handle = guest.agent.execute("guest-file-open", json!({"path": "/sent", "mode": "r"}), soon())?;
    for piece in 0..4 {
        let read = guest.agent.execute("guest-file-read", json!({"handle": handle, "count": 64 << 10}), soon())?;
        let expected: &[u8] = if piece < 3 { &bytes } else { &[] };
        ensure!(BASE64.decode(read["buf-b64"].as_str().unwrap_or_default())? == expected, "piece {piece}: {read}");
    }
    guest.agent.execute("guest-file-close", json!({"handle": handle}), soon()).map(drop)
}
