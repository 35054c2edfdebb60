//! Guests that run the image.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::deadline::Deadline;
pub use nanoqga_testkit::deadline::soon;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::qemu::Config;
use serde_json::json;

use crate::images::{NANO, Profile, image};

/// After how long without an answer a request is sent again. An answer that comes later does no harm.
const AGAIN: Duration = Duration::from_millis(200);

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
        Self::once_it_answers(Guest::start(config)?, config.channels.first().is_some_and(|channel| channel.is_serial()))
    }

    /// Waits until a guest that was started answers. `serial` says that its first channel is a UART.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn once_it_answers(mut guest: Guest, serial: bool) -> Result<Self> {
        let mut agent = guest.connect(soon())?;
        match serial {
            // QEMU may deliver a byte between the two accesses by which a guest empties its UART and switches the FIFOs on, and
            // the guest cannot see that it is lost: a client on a serial line clears it and asks again.
            true => synchronise_after_firmware(&mut agent, 1)?,
            false => synchronise(&mut agent, 1)?,
        }
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

/// guest-sync, answered by the right number in the very next line: so the agent has said nothing else before.
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
    let (request, reply) = delimited_sync(id);
    agent.send(&request, soon())?;
    let mut before = Vec::new();
    loop {
        let line = agent.line(soon())?;
        if line == reply {
            return Ok(before);
        }
        before.push(line);
    }
}

/// guest-sync-delimited behind the byte that clears what was half sent, and its reply.
fn delimited_sync(id: i64) -> (Vec<u8>, Vec<u8>) {
    let request = format!(r#"{{"execute": "guest-sync-delimited", "arguments": {{"id": {id}}}}}"#);
    let reply = format!(r#"{{"return": {id}}}"#);
    ([b"\xff", request.as_bytes(), b"\n"].concat(), [b"\xff", reply.as_bytes()].concat())
}

/// [`resynchronise`] where another host has left replies unread, of which the last may have no end: this one's may stand
/// behind it. Gives the lines before.
///
/// # Errors
/// When the agent does not get in step.
pub fn resynchronise_after_another(agent: &mut Client, id: i64) -> Result<Vec<Vec<u8>>> {
    let (request, reply) = delimited_sync(id);
    agent.send(&request, soon())?;
    let mut before = Vec::new();
    loop {
        let line = agent.line(soon()).context("no reply to a delimited sync")?;
        if line.ends_with(&reply) {
            return Ok(before);
        }
        before.push(line);
    }
}

/// Gets in step with an agent on a line where firmware, or a reset, takes what is sent too early: a sync is sent again until
/// one is answered.
///
/// # Errors
/// When none is.
pub fn synchronise_after_firmware(agent: &mut Client, id: i64) -> Result<()> {
    synchronise_slowly(agent, id, AGAIN, soon())
}

/// The same with another deadline, and with so much time for each answer, for lines that are slower.
///
/// # Errors
/// When none is answered.
pub fn synchronise_slowly(agent: &mut Client, id: i64, again: Duration, deadline: Deadline) -> Result<()> {
    let (request, reply) = delimited_sync(id);
    deadline.poll("an answer after the firmware", || {
        agent.send(&request, soon())?;
        while let Ok(line) = agent.line(Deadline::after(again)) {
            // Firmware's words may stand before it.
            if line.ends_with(&reply) {
                return Ok(Some(()));
            }
        }
        Ok(None)
    })?;
    resynchronise(agent, id + 1).map(drop)
}

/// Sends half a request, and waits until the guest has it. Over a UART it has the beginning of it: QEMU throws the rest away
/// when the host leaves, which does no harm.
///
/// # Errors
/// When the guest does not answer the request that is sent before.
pub fn send_half(agent: &mut Client, guest: &mut Guest) -> Result<()> {
    // Once the guest has taken the end of a whole request, the UART has room for what follows.
    agent.send(br#"{"execute":"guest-ping"}{"execute":"guest-sync","arguments":{"id":"#, soon())?;
    ensure!(agent.line(soon())? == br#"{"return": {}}"#);
    qemu_has_read(guest)
}

/// Waits until QEMU has read what hosts have sent on channels that have room for it: its main loop, which answers here,
/// looks at all their sockets in each turn.
///
/// # Errors
/// When QEMU does not answer.
pub fn qemu_has_read(guest: &mut Guest) -> Result<()> {
    let mut qmp = guest.qmp(soon())?;
    (0..3).try_for_each(|_| qmp.execute("query-status", json!({}), soon()).map(drop))
}

/// Waits until QEMU knows that the first channel's host is there. A virtio device has told the guest then.
///
/// # Errors
/// When QEMU does not notice.
pub fn qemu_has_host(guest: &mut Guest) -> Result<()> {
    channel_is(guest, "with a host", |socket| !socket.starts_with("disconnected:"))
}

/// Waits until QEMU knows that the first channel's host has left. A virtio device has told the guest then.
///
/// # Errors
/// When QEMU does not notice.
pub fn qemu_has_no_host(guest: &mut Guest) -> Result<()> {
    channel_is(guest, "without a host", |socket| socket.starts_with("disconnected:"))
}

/// Waits until QEMU describes the first channel's socket as `wanted`.
fn channel_is(guest: &mut Guest, what: &str, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let mut qmp = guest.qmp(soon())?;
    soon().poll(&format!("the first channel {what}"), || {
        let all = qmp.execute("query-chardev", json!({}), soon())?;
        let channel = all.as_array().and_then(|all| all.iter().find(|chardev| chardev["label"] == "agent0"));
        let socket = channel.and_then(|channel| channel["filename"].as_str()).context("no such channel")?;
        Ok(wanted(socket).then_some(()))
    })
}
