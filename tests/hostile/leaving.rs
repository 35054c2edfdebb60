//! Hosts that leave, at any moment, and others that take their place.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use oracle::Engine as _;
use oracle::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tests::hostile::{Noise, Sentence};
use tests::soon;
use xtask::client::{Client, shown};
use xtask::deadline::Deadline;

use crate::Attack;
use crate::target::LeftOver;

/// How long a host listens before it leaves. That it hears less on a busy machine is one more case of leaving.
const MOMENT: Duration = Duration::from_millis(5);

/// A host that leaves at every byte of a conversation, without having read a word of the replies or with some of them read.
/// The next one is answered, and hears nothing that the one before has heard.
pub fn at_every_byte(attack: &mut Attack) -> Result<String> {
    let rounds = attack.scale(1, 20);
    let Attack { target, noise, .. } = attack;
    let mut hosts = 0;
    for _ in 0..rounds {
        let words = Noise::new(noise.below(1 << 30) as u64);
        let length = conversation(words.clone(), hosts).len();
        for place in 0..=length {
            let said = conversation(words.clone(), hosts);
            hosts += 1;
            let mut leaving = target.connect()?;
            leaving.send(&said[..place], soon())?;
            let mut heard = Vec::new();
            if noise.one_in(2) {
                while let Ok(line) = leaving.line(Deadline::after(MOMENT)) {
                    heard.push(line);
                }
            }
            drop(leaving);
            let (_, again) = target.connect_and_hear(-1).with_context(|| format!("after byte {place}"))?;
            // Errors all look the same.
            let twice = again.iter().find(|line| line.starts_with(b"{\"return\"") && heard.contains(line));
            ensure!(
                twice.is_none(),
                "after byte {place}, told again to the next host: {}",
                shown(twice.map_or(b"", |line| line))
            );
        }
    }
    Ok(format!("{hosts} hosts"))
}

/// What a host says: the same words for each, but with numbers of its own, all of the same length.
fn conversation(mut words: Noise, host: u64) -> Vec<u8> {
    let sentences = (0..12).map(|number| Sentence::any(&mut words, 1_000_000 + 12 * host + number).message);
    // Long ones have hundreds of the same place.
    sentences.filter(|message| message.len() < 100).flatten().collect()
}

/// Very many hosts leave in the middle of a message, several in a row; whoever stays is answered.
pub fn in_mid_message(attack: &mut Attack) -> Result<String> {
    let hosts = attack.scale(300, 10_000);
    let Attack { target, noise, .. } = attack;
    let mut stayed = 0;
    for host in 0..hosts {
        let message = Sentence::any(noise, host as u64 + 1).message;
        let mut leaving = target.connect()?;
        leaving.send(&message[..1 + noise.below(message.len() - 1)], soon())?;
        drop(leaving);
        if noise.one_in(4) {
            target.connect_after_another(host as i64).with_context(|| format!("after host {host}"))?;
            stayed += 1;
        }
    }
    Ok(format!("{hosts} hosts that left, {stayed} that stayed"))
}

/// What a host has asked for is done once, or, when it did not wait for the reply, at most once; and never by half.
/// Each host appends a line to a file, in an agent that has files.
pub fn effects(attack: &mut Attack) -> Result<String> {
    let hosts = attack.scale(100, 5000) as u32;
    let Attack { target, noise, .. } = attack;
    let mut agent = target.connect_after_another(1)?;
    let info = agent.execute("guest-info", json!({}), soon())?;
    if !info.to_string().contains("guest-file-write") {
        return Ok("no files".into());
    }
    let path = target.path("written");
    let handle = open(&mut agent, &path, "w")?;
    drop(agent);
    let mut waited_for = Vec::new();
    for number in 0..hosts {
        let content = BASE64.encode(format!("{number:07}\n"));
        let arguments = json!({"handle": handle, "buf-b64": content});
        let write = json!({"execute": "guest-file-write", "arguments": arguments, "id": number});
        let mut message = write.to_string().into_bytes();
        let whole = !noise.one_in(3);
        if !whole {
            message.truncate(1 + noise.below(message.len() - 1));
        }
        let mut agent = target.connect()?;
        if target.left_over() == LeftOver::Anything {
            agent.send(b"\xff", soon())?;
        }
        agent.send(&message, soon())?;
        if whole && noise.one_in(2) {
            let reply = format!("{{\"return\": {{\"count\":8,\"eof\":false}}, \"id\": {number}}}");
            if target.hears(agent, reply.as_bytes())? {
                waited_for.push(number);
            }
        }
    }
    let mut agent = target.connect_after_another(2)?;
    agent.execute("guest-file-close", json!({"handle": handle}), soon())?;
    let handle = open(&mut agent, &path, "r")?;
    let read = agent.execute("guest-file-read", json!({"handle": handle, "count": 1 << 20}), soon())?;
    agent.execute("guest-file-close", json!({"handle": handle}), soon())?;
    let text = String::from_utf8(BASE64.decode(read["buf-b64"].as_str().unwrap_or_default())?)?;
    let written = text.lines().map(|line| Ok(line.parse()?)).collect::<Result<Vec<u32>>>()?;
    ensure!(text.len() == 8 * written.len(), "half a line was written: {text:?}");
    ensure!(written.is_sorted_by(|one, next| one < next), "a line was written twice, or late: {written:?}");
    let lost: Vec<_> = waited_for.iter().filter(|number| !written.contains(number)).collect();
    ensure!(lost.is_empty(), "told to be written, and not there: {lost:?}");
    Ok(format!("{hosts} hosts, {} waited, {} lines", waited_for.len(), written.len()))
}

fn open(agent: &mut Client, path: &str, mode: &str) -> Result<Value> {
    agent.execute("guest-file-open", json!({"path": path, "mode": mode}), soon())
}
