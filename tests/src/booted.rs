//! Guests that run the image.

use anyhow::{Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::qemu::Config;
use serde_json::{Value, json};

use crate::images::{NANO, Profile, image};

/// For anything that takes a moment on a busy machine that emulates several guests.
const SECONDS: u64 = 20;

/// A deadline that only what hangs can miss.
pub fn soon() -> Deadline {
    Deadline::seconds(SECONDS)
}

/// A guest, and a connection to the agent in it that has answered.
#[derive(Debug)]
pub struct Booted {
    /// The connection over the first channel.
    pub agent: Client,
    /// The guest under QEMU. Dropped last, so that it outlives the connection.
    pub guest: Guest,
}

impl Booted {
    /// Boots the image on the machine of that name.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn new(machine: &str, channel: Channel) -> Result<Self> {
        Self::with(machine, channel, |_| {})
    }

    /// Boots the image after `adjust` has had its say.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn with(machine: &str, channel: Channel, adjust: impl FnOnce(&mut Config)) -> Result<Self> {
        Self::of(&NANO, machine, channel, adjust)
    }

    /// Boots the image of a profile after `adjust` has had its say.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn of(profile: &Profile, machine: &str, channel: Channel, adjust: impl FnOnce(&mut Config)) -> Result<Self> {
        let mut config = config_of(profile, machine, channel)?;
        adjust(&mut config);
        Self::start(&config)
    }

    /// Boots what is configured.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn start(config: &Config) -> Result<Self> {
        let mut guest = Guest::start(config)?;
        let mut agent = guest.connect(soon())?;
        synchronise(&mut agent, 1)?;
        Ok(Self { agent, guest })
    }

    /// Sends each request and expects exactly its reply, byte for byte.
    ///
    /// # Errors
    /// When a reply differs or does not come.
    pub fn transcript(&mut self, exchanges: &[(&str, &str)]) -> Result<()> {
        transcript(&mut self.agent, exchanges)
    }
}

/// Sends each request and expects exactly its reply, byte for byte.
///
/// # Errors
/// When a reply differs or does not come.
pub fn transcript(agent: &mut Client, exchanges: &[(&str, &str)]) -> Result<()> {
    for (request, expected) in exchanges {
        let reply = agent.request(request, soon())?;
        ensure!(reply.text() == *expected, "{request}\n  was answered by {}\n  and not by {expected}", reply.text());
    }
    Ok(())
}

/// The image on the machine of that name, ready to start.
///
/// # Errors
/// When there is no such machine or no image for it.
pub fn config(machine: &str, channel: Channel) -> Result<Config> {
    config_of(&NANO, machine, channel)
}

/// The image of a profile on the machine of that name, ready to start.
///
/// # Errors
/// As [`config`].
pub fn config_of(profile: &Profile, machine: &str, channel: Channel) -> Result<Config> {
    let machine = Machine::named(machine)?;
    Ok(Config::new(machine, channel, &image(machine, profile)?))
}

/// guest-sync, answered at once and by the right number.
///
/// # Errors
/// When the next line is anything else.
pub fn synchronise(agent: &mut Client, id: i64) -> Result<()> {
    let answer = agent.execute("guest-sync", json!({"id": id}), soon())?;
    ensure!(answer == id, "guest-sync {id} was answered by {answer}");
    Ok(())
}

/// Clears whatever was half sent, and gives the lines that came before the agent was in step again.
///
/// # Errors
/// When the agent does not get in step.
pub fn resynchronise(agent: &mut Client, id: i64) -> Result<Vec<Vec<u8>>> {
    let request = format!(r#"{{"execute": "guest-sync-delimited", "arguments": {{"id": {id}}}}}"#);
    agent.send(&[b"\xff", request.as_bytes(), b"\n"].concat(), soon())?;
    let mut before = Vec::new();
    loop {
        let line = agent.line(soon())?;
        match line.strip_prefix(b"\xff") {
            Some(reply) if serde_json::from_slice::<Value>(reply)? == json!({"return": id}) => return Ok(before),
            _ => before.push(line),
        }
    }
}
