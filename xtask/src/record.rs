//! `cargo xtask record`: the recorded conversations, held with the newest qemu-ga again.

use std::fs;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};
use debian::reference::QemuGa;
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::folder::PrivateFolder;
use serde::{Deserialize, Serialize};
use serde_json::ser::PrettyFormatter;

use crate::workspace;

/// Record the reference conversations from the newest qemu-ga.
///
/// Sends each request of tests/conformance/vectors.json to the newest qemu-ga, and writes its replies there. Look at what has
/// changed before you commit it: an agent must answer as recorded.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// The id of the guest-sync-delimited that ends a conversation.
const SYNC: i64 = 4_000_000_000_000;

/// How many seconds a conversation may take.
const ANSWER: u64 = 20;

/// The file with the conversations.
#[derive(Debug, Serialize, Deserialize)]
struct Recording {
    about: String,
    vectors: Vec<Vector>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Vector {
    group: String,
    name: String,
    request: String,
    reply: String,
    compare: String,
}

pub(crate) fn main() -> Result<()> {
    let qemu_ga = QemuGa::find()?;
    ensure!(
        qemu_ga.is_newest(),
        "nothing is recorded from qemu-ga {}, which is not the newest: `cargo xtask setup` downloads that",
        qemu_ga.version()
    );
    let file = workspace::path("tests/conformance/vectors.json");
    let mut recording: Recording = serde_json::from_slice(&fs::read(&file)?)?;
    let (_, meaning) = recording.about.split_once("), ").context("the recording does not say what it is about")?;
    recording.about =
        format!("Recorded from the reference agent (qemu-ga {}, unix-listen), {meaning}", qemu_ga.version());
    for vector in &mut recording.vectors {
        vector.reply = ask(&qemu_ga, &vector.request).with_context(|| format!("{} / {}", vector.group, vector.name))?;
    }
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b" "));
    recording.serialize(&mut serializer)?;
    fs::write(&file, escaped(&String::from_utf8(text)?))?;
    eprintln!("Recorded {} replies of qemu-ga {}.", recording.vectors.len(), qemu_ga.version());
    Ok(())
}

/// What a qemu-ga that was just started replies to a request. Each byte is a character of the same number.
fn ask(qemu_ga: &QemuGa, request: &str) -> Result<String> {
    let folder = PrivateFolder::new()?;
    let socket = folder.path().join("agent.sock");
    let mut command = qemu_ga.command();
    command.args(["-m", "unix-listen", "-p"]).arg(&socket).arg("-t").arg(folder.path());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let _child = KilledOnDrop(child);
    let deadline = Deadline::seconds(ANSWER);
    let mut client = Client::connect(&socket, deadline)?;
    let request = request.chars().map(u8::try_from).collect::<Result<Vec<_>, _>>()?;
    let sync = format!("\u{ff}{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{SYNC}}}}}\n");
    client.send(&[request, bytes(&sync)].concat(), deadline)?;
    let last = bytes(&format!("\u{ff}{{\"return\": {SYNC}}}"));
    let mut lines = Vec::new();
    loop {
        let line = client.line(deadline)?;
        if line == last {
            break;
        }
        lines.push(line);
    }
    // The 0xFF of the synchronisation has an error of its own, unless a bad message is still open.
    lines.pop_if(|line| line.ends_with(b"stray '\\uFFFD'\"}}"));
    Ok(lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).map(char::from).collect())
}

/// A text's characters as bytes of the same number.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|character| character as u8).collect()
}

/// The same JSON in ASCII.
fn escaped(json: &str) -> String {
    let character = |character: char| match character {
        ' '..='~' | '\n' => character.to_string(),
        other => format!("\\u{:04x}", u32::from(other)),
    };
    json.chars().map(character).collect()
}

/// A process that is killed when this is dropped.
struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
