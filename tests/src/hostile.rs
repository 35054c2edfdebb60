//! A host that attacks: what it says, and how it says it, as data, for any channel.
//!
//! All chance comes from one seed, which each failure names: the same seed is the same attack.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use xtask::client::{Client, shown};

/// xorshift64*: the same numbers for the same seed.
#[derive(Clone, Debug)]
pub struct Noise(u64);

impl Noise {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed ^ 0x9e37_79b9_7f4a_7c15 | 1)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 8) as usize % bound
    }

    /// Whether this is the one time out of so many.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// So many bytes, half of them from the letters that JSON is made of.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let byte = |_| if self.one_in(2) { *self.one_of(b"{}[]:,\"'\\ \n\xff0123tfne") } else { self.below(256) as u8 };
        (0..length).map(byte).collect()
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// One message, and the one line that must answer it.
#[derive(Clone, Debug)]
pub struct Sentence {
    /// What is sent, up to where the next message may begin.
    pub message: Vec<u8>,
    reply: Reply,
}

#[derive(Clone, Debug)]
enum Reply {
    /// These bytes.
    Line(Vec<u8>),
    /// Any value, with this id.
    Returned(Value),
    /// An error of this class.
    Error(&'static str),
}

impl Sentence {
    /// One of all kinds that there are, good and bad. Each has a number of its own, so that no reply is taken for another's.
    pub fn any(noise: &mut Noise, number: u64) -> Self {
        let returns = |what: Value| Reply::Line(format!(r#"{{"return": {what}}}"#).into());
        let (message, reply) = match noise.below(12) {
            0 => (format!("{{\"execute\":\"guest-sync\",\"arguments\":{{\"id\":{number}}}}}"), returns(json!(number))),
            1 => (
                format!("\n{{\"arguments\" : {{ \"id\" : -{number} }}, \"execute\":\"guest-sync\"}}\r\n"),
                returns(json!(-i128::from(number) as i64)),
            ),
            2 => (
                format!("{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{number}}}}}\n"),
                Reply::Line([b"\xff", format!("{{\"return\": {number}}}").as_bytes()].concat()),
            ),
            3 => (
                format!("{{'execute':'guest-ping','id':[{{}},{{'\\u00e9':\"\\ud83d\\ude00\"}},{number}]}}"),
                Reply::Returned(json!([{}, {"é": "😀"}, number])),
            ),
            4 => (format!("{{\"execute\":\"guest-info\",\"id\":{number}}}"), Reply::Returned(json!(number))),
            5 => (format!("{{\"execute\":\"guest-get-host-name\",\"id\":{number}}}"), Reply::Returned(json!(number))),
            6 => {
                let id = format!("{number}{}", "x".repeat(noise.below(3000)));
                (format!("{{\"execute\":\"guest-ping\",\"id\":\"{id}\"}}"), Reply::Returned(json!(id)))
            }
            7 => (format!("{{\"execute\":\"guest-bogus-{number}\"}}"), Reply::Error("CommandNotFound")),
            8 => (format!("{{\"execute\":nope,\"id\":{number}}}\n"), Reply::Error("GenericError")),
            9 => (format!("[{number}, {{}}]"), Reply::Error("GenericError")),
            10 => (
                format!("{{\"execute\":\"guest-sync\",\"arguments\":{{\"id\":\"{number}\"}}}}"),
                Reply::Error("GenericError"),
            ),
            _ => return Self::ping(number),
        };
        Self { message: message.into(), reply }
    }

    /// guest-ping with an id.
    pub fn ping(number: u64) -> Self {
        Self {
            message: format!("{{\"execute\":\"guest-ping\",\"id\":{number}}}").into(),
            reply: Reply::Line(format!("{{\"return\": {{}}, \"id\": {number}}}").into()),
        }
    }

    /// The line is this sentence's reply.
    ///
    /// # Errors
    /// When it is not.
    pub fn is_answered_by(&self, line: &[u8]) -> Result<()> {
        let right = match &self.reply {
            Reply::Line(expected) => line == expected,
            Reply::Returned(id) => {
                let reply: Value = serde_json::from_slice(line).unwrap_or_default();
                reply["id"] == *id && reply.get("return").is_some()
            }
            Reply::Error(class) => {
                serde_json::from_slice::<Value>(line).is_ok_and(|reply| reply["error"]["class"] == *class)
            }
        };
        ensure!(right, "{}\n  was answered by {}", shown(&self.message), shown(line));
        Ok(())
    }
}

/// What a host does.
#[derive(Debug)]
pub enum Step {
    /// It writes this, at once.
    Send(Vec<u8>),
    /// It does nothing for a while.
    Stall(Duration),
}

/// The bytes in pieces of any size, with stalls now and then.
pub fn in_pieces(noise: &mut Noise, mut bytes: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    while !bytes.is_empty() {
        let size = 1 + match noise.below(4) {
            0 => 0,
            1 => noise.below(8),
            2 => noise.below(100),
            _ => noise.below(5000),
        };
        let (piece, rest) = bytes.split_at(size.min(bytes.len()));
        steps.push(Step::Send(piece.to_vec()));
        bytes = rest;
        if noise.one_in(30) {
            steps.push(Step::Stall(Duration::from_micros(noise.below(30_000) as u64)));
        }
    }
    steps
}

/// Whether a line is a reply at all, good or bad.
pub fn is_reply(line: &[u8]) -> bool {
    let text = line.strip_prefix(b"\xff").unwrap_or(line);
    let reply = serde_json::from_slice::<Value>(text);
    reply.is_ok_and(|reply| reply.get("return").is_some() != reply.get("error").is_some())
}

/// Sends while it takes lines, as a host must that sends more than fits on the way. `take` says when it has what it wants.
/// No write and no line may take longer than `patience`.
///
/// # Errors
/// When the agent hangs or leaves, or `take` is not content.
pub fn exchange(
    agent: Client,
    patience: Duration,
    send: impl FnOnce(&mut UnixStream) -> std::io::Result<()> + Send,
    mut take: impl FnMut(&[u8]) -> Result<bool>,
) -> Result<Client> {
    let stream = agent.into_stream()?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut writer = stream.try_clone()?;
    thread::scope(|scope| {
        let sending = scope.spawn(move || send(&mut writer));
        let mut reader = BufReader::new(&stream);
        let mut take_lines = || -> Result<()> {
            let mut line = Vec::new();
            loop {
                line.clear();
                let count = reader.read_until(b'\n', &mut line).context("the agent says nothing more")?;
                ensure!(count > 0, "the agent's end of the channel was closed");
                line.pop();
                if take(&line)? {
                    return Ok(());
                }
            }
        };
        let taken = take_lines();
        if taken.is_err() {
            // Whoever still sends is not left to wait for an agent that nobody listens to.
            let _ = stream.shutdown(Shutdown::Both);
        }
        let rest = shown(reader.buffer());
        let sent = sending.join().map_err(|_| anyhow!("the sender failed"))?;
        taken?;
        sent.context("the agent takes nothing more")?;
        ensure!(rest.is_empty(), "more than was due: {rest}");
        Ok(())
    })?;
    Ok(Client::over(stream))
}

/// Does what a host does, step by step.
///
/// # Errors
/// When the agent takes nothing more.
pub fn play(stream: &mut UnixStream, steps: &[Step]) -> std::io::Result<()> {
    for step in steps {
        match step {
            Step::Send(bytes) => stream.write_all(bytes)?,
            Step::Stall(time) => thread::sleep(*time), // no wait: the stall is the attack
        }
    }
    Ok(())
}
