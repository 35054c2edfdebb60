//! The two agents, and a way to talk to them that finds every line there is.

use anyhow::{Context, Result, ensure};
use debian::executable::Executable;
use debian::reference::{QemuGa, Version};
use nanoqga_testkit::client::{Client, shown};
use serde_json::{Value, json};
use tests::program::{Program, ours, reference};
use tests::soon;

use crate::conversations::Turn;
use crate::requests::Request;

/// What a byte 0xFF means to an agent that has read half a message, or to qemu-ga at any time.
const RESET: &str = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, stray '\\uFFFD'\"}}";

/// Where an error is: both count from 1. qemu-ga counts the lines of its life, ours those of the message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub line: u32,
    pub column: usize,
}

/// A line of a reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Whether a byte 0xFF comes before it.
    pub delimited: bool,
    /// Without its place. Nothing where it is no JSON, or has a number that no type holds.
    pub value: Option<Value>,
    /// Without its place.
    pub text: String,
    /// The place of the error that it tells.
    pub place: Option<Place>,
}

impl Line {
    pub fn of(bytes: &[u8]) -> Self {
        let (bytes, place) = &without_place(bytes);
        let json = bytes.strip_prefix(b"\xff");
        let value = serde_json::from_slice(json.unwrap_or(bytes)).ok();
        Self { delimited: json.is_some(), value, text: shown(bytes), place: *place }
    }

    /// The text of an error.
    pub fn complaint(&self) -> Option<&str> {
        self.value.as_ref()?["error"]["desc"].as_str()
    }

    /// Whether it is the error that qemu-ga has for each 0xFF.
    pub fn is_reset(&self) -> bool {
        self.text == RESET
    }

    /// Whether it says that something is no JSON.
    pub fn is_syntax(&self) -> bool {
        self.complaint().is_some_and(|text| text.starts_with("JSON "))
    }
}

/// A line without the place of an error, and that place: `LINE:COLUMN: ` before the words. qemu-ga tells it since QEMU 11.1.
fn without_place(line: &[u8]) -> (Vec<u8>, Option<Place>) {
    const BEFORE: &[u8] = b"\"desc\": \"";
    const BEHIND: &[u8] = b": JSON ";
    let find = |text: &[u8], from: usize| line[from..].windows(text.len()).position(|found| found == text);
    let found = || {
        let start = find(BEFORE, 0)? + BEFORE.len();
        let end = find(BEHIND, start)? + start;
        let (row, column) = str::from_utf8(&line[start..end]).ok()?.split_once(':')?;
        let place = Place { line: row.parse().ok()?, column: column.parse().ok()? };
        // With the colon, and a space.
        Some(([&line[..start], &line[end + 2..]].concat(), Some(place)))
    };
    found().unwrap_or_else(|| (line.to_vec(), None))
}

/// An agent, and what it has told of late.
#[derive(Debug)]
struct Agent {
    client: Client,
    program: Program,
    handle: Value,
    pid: Value,
}

impl Agent {
    fn start(program: &Executable, setting: &Setting) -> Result<Self> {
        let program = Program::start_powerless(program, setting.arguments, setting.files)?;
        Ok(Self { client: program.connect()?, program, handle: json!(0), pid: json!(0) })
    }

    /// What a folder of its own, and numbers of its own, stand for in a request.
    fn send(&mut self, turn: &Turn, sync: i64) -> Result<()> {
        ensure!(turn.requests.iter().all(Request::is_harmless), "{turn:?} must not be sent");
        let sync = if turn.is_sound() {
            format!("\n{{\"execute\":\"guest-sync\",\"arguments\":{{\"id\":{sync}}}}}\n").into_bytes()
        } else {
            let request = format!("{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{sync}}}}}\n");
            [b"\n\xff", request.as_bytes()].concat()
        };
        let file = self.file();
        let mut text = turn.text.clone();
        for (mark, own) in [("<file>", &file), ("<handle>", &self.handle.to_string()), ("<pid>", &self.pid.to_string())]
        {
            text = replaced(text, mark, own);
        }
        self.client.send(&[text, sync].concat(), soon())
    }

    fn file(&self) -> String {
        format!("{}/file", self.program.folder().display())
    }

    /// All lines before the reply to the guest-sync that `send` has sent.
    fn receive(&mut self, turn: &Turn, sync: i64) -> Result<Vec<Line>> {
        let mark = if turn.is_sound() { "" } else { "\\xff" };
        let last = format!("{mark}{{\"return\": {sync}}}");
        let mut lines = Vec::new();
        loop {
            let line = self.client.line(soon()).with_context(|| format!("after {lines:?}"))?;
            let line = replaced(line, &self.file(), "<file>");
            let line = Line::of(&replaced(line, &format!("'{}'", self.handle), "'<handle>'"));
            if line.text == last {
                self.note(turn, lines.last());
                return Ok(lines);
            }
            lines.push(line);
            ensure!(lines.len() < 10_000, "it does not stop answering");
        }
    }

    fn note(&mut self, turn: &Turn, reply: Option<&Line>) {
        let Some(returned) = reply.and_then(|line| line.value.as_ref()?.get("return")) else { return };
        match turn.requests.last().map(|request| request.command) {
            Some("guest-file-open") => self.handle = returned.clone(),
            Some("guest-exec") => self.pid = returned["pid"].clone(),
            _ => {}
        }
    }

    /// Says it once; for a program's status until the program has ended.
    fn until_ended(&mut self, turn: &Turn, sync: &mut i64, first: Vec<Line>) -> Result<Vec<Line>> {
        let running = |lines: &[Line]| {
            let value = lines.first().and_then(|line| line.value.as_ref());
            value.is_some_and(|value| value["return"]["exited"] == false)
        };
        if turn.requests.len() != 1 || !running(&first) {
            return Ok(first);
        }
        soon().poll("the end of a program", || {
            *sync += 1;
            self.send(turn, *sync)?;
            let lines = self.receive(turn, *sync)?;
            Ok((!running(&lines)).then_some(lines))
        })
    }
}

/// How both are started.
#[derive(Debug)]
pub struct Setting {
    pub arguments: &'static [&'static str],
    /// Empty files that they find in their folders.
    pub files: &'static [&'static str],
    /// A command that neither is ever asked for, or nothing.
    pub unsaid: &'static str,
}

impl Setting {
    /// Whether all of it may be said.
    pub fn allows(&self, turns: &[Turn]) -> bool {
        let is_unsaid = |command: &str| !self.unsaid.is_empty() && command == self.unsaid;
        !turns
            .iter()
            .any(|turn| is_unsaid(turn.about) || turn.requests.iter().any(|request| is_unsaid(request.command)))
    }
}

/// Our agent and the reference, each in a process that can change nothing of this machine.
#[derive(Debug)]
pub struct Pair {
    ours: Agent,
    reference: Agent,
    /// The reference's.
    pub version: Version,
    /// The number of the last guest-sync, which no request has.
    sync: i64,
}

impl Pair {
    pub fn start(setting: &Setting) -> Result<Self> {
        let start = |program: &Executable| Agent::start(program, setting);
        let (ours, reference) = (start(&ours()?)?, start(&reference()?)?);
        Ok(Self { ours, reference, version: QemuGa::find()?.version(), sync: 4_000_000_000_000 })
    }

    /// Begins a conversation: what was told in others is forgotten.
    pub fn begin(&mut self) {
        for agent in [&mut self.ours, &mut self.reference] {
            (agent.handle, agent.pid) = (json!(0), json!(0));
        }
    }

    /// What both answer: ours, then the reference.
    pub fn say(&mut self, turn: &Turn) -> Result<[Vec<Line>; 2]> {
        self.sync += 1;
        let sync = self.sync;
        // Both work on it at the same time.
        self.ours.send(turn, sync)?;
        self.reference.send(turn, sync)?;
        let lines = self.ours.receive(turn, sync).context("ours")?;
        let ours = self.ours.until_ended(turn, &mut self.sync, lines)?;
        let lines = self.reference.receive(turn, sync).context("the reference")?;
        let mut theirs = self.reference.until_ended(turn, &mut self.sync, lines)?;
        // The error for the 0xFF that was sent last is no part of the answer. Ours has one only if something was half read, and
        // qemu-ga none for what it has complained of already.
        if !turn.is_sound() && theirs.pop_if(|line| line.is_reset()).is_none() {
            ensure!(theirs.iter().any(Line::is_syntax), "the reference says nothing to 0xFF");
        }
        Ok([ours, theirs])
    }
}

/// What is between two bytes 0xFF and no UTF-8 stays as it is.
fn replaced(text: Vec<u8>, mark: &str, own: &str) -> Vec<u8> {
    let pieces = text.split(|byte| *byte == 0xff);
    let replaced = |piece: &[u8]| match str::from_utf8(piece) {
        Ok(found) => found.replace(mark, own).into_bytes(),
        Err(_) => piece.to_vec(),
    };
    pieces.map(replaced).collect::<Vec<_>>().join(&0xff)
}
