//! What a guest is in the middle of, and what it has stored, when its state is saved.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::Client;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel::{Com1, Com2};
use nanoqga_testkit::qemu::Config;
use nanoqga_testkit::qmp::Qmp;
use serde_json::json;
use tests::booted::config_of;
use tests::disk::Disk;
use tests::images::APPLIANCE;
use tests::soon;
use tests::time::{SECOND, guest_time, is_the_hosts};

use crate::rows::Row;
use crate::storage;

/// How far the clock is set back: further than a test takes.
const BEHIND: i64 = 3600 * SECOND;

const FILE: &str = "/kept";

/// A row's guest with a disk that can hold snapshots. The appliance has a volume on it, and a network card.
pub fn config(row: Row) -> Result<(Config, Disk)> {
    let disk = Disk::fat(12, 2 << 10)?;
    let image = disk.qcow2()?;
    let mut config = config_of(row.profile, row.machine, row.channel)?;
    config.disk(&format!("file={},format=qcow2", image.display()), "");
    if is_appliance(row) {
        config.user_network();
    }
    Ok((config, disk))
}

/// Stores `content` in a file, if the guest has files.
pub fn store(agent: &mut Client, row: Row, content: &str) -> Result<()> {
    if is_appliance(row) { storage::put(agent, FILE, content.as_bytes()) } else { Ok(()) }
}

/// The file has this content.
pub fn is_stored(agent: &mut Client, row: Row, content: &str) -> Result<()> {
    if is_appliance(row) {
        let read = storage::read(agent, FILE, content.len())?;
        ensure!(read == content.as_bytes(), "{FILE} has {:?} and not {content:?}", String::from_utf8_lossy(&read));
    }
    Ok(())
}

/// Frames go both ways between the guest's network card and QEMU, if it has one.
pub fn has_network(agent: &mut Client, row: Row) -> Result<()> {
    if is_appliance(row) {
        agent.execute("nanoqga-network-configure", json!({"name": "eth0", "dhcp": true}), soon())?;
    }
    Ok(())
}

/// Sets the clock back from the host's time, as if the guest had been saved a while ago.
pub fn set_clock_back(agent: &mut Client) -> Result<()> {
    move_clock(agent, -BEHIND)
}

/// The clock has gone on from where it was set back to, until the host sets it.
pub fn clock_is_behind_until_set(agent: &mut Client) -> Result<()> {
    is_the_hosts(|| Ok(guest_time(agent)? + BEHIND))?;
    set_clock_right(agent)
}

/// Sets the clock to the host's time.
pub fn set_clock_right(agent: &mut Client) -> Result<()> {
    move_clock(agent, BEHIND)?;
    is_the_hosts(|| guest_time(agent))
}

fn move_clock(agent: &mut Client, by: i64) -> Result<()> {
    let time = guest_time(agent)? + by;
    agent.execute("guest-set-time", json!({"time": time}), soon()).map(drop)
}

/// Sends the rest of what [`send_half`](tests::booted::send_half) has begun.
pub fn send_other_half(agent: &mut Client) -> Result<()> {
    let reply = agent.request("7}}", soon())?.text();
    ensure!(reply == r#"{"return": 7}"#, "a request in two halves was answered by {reply}");
    Ok(())
}

/// Requests whose replies do not fit in the channel: while the host does not read, the guest is in the middle of a reply.
pub struct Burst {
    requests: String,
    /// All replies, as they must come.
    pub replies: String,
}

impl Burst {
    /// Asks the agent for one reply, to know the others.
    pub fn new(agent: &mut Client) -> Result<Self> {
        const REQUESTS: u32 = 400;
        let reply = agent.request(r#"{"execute":"guest-info"}"#, soon())?.text();
        let start = reply.strip_suffix('}').context("a reply is an object")?;
        Ok(Self {
            requests: (0..REQUESTS).map(|id| format!(r#"{{"execute":"guest-info","id":{id}}}"#)).collect(),
            replies: (0..REQUESTS).map(|id| format!("{start}, \"id\": {id}}}\n")).collect(),
        })
    }

    /// Sends the requests, and stops the guest in the middle of the replies. Returns the channel, and the replies so far.
    pub fn stop_in_the_middle(&self, row: Row, agent: Client, guest: &mut Guest) -> Result<(UnixStream, Vec<u8>)> {
        let mut channel = agent.into_stream()?;
        channel.set_write_timeout(Some(soon().limit()))?;
        channel.set_read_timeout(Some(soon().limit()))?;
        channel.write_all(self.requests.as_bytes())?;
        let mut replies = vec![0; 100];
        channel.read_exact(&mut replies).context("the first reply")?;
        let mut qmp = guest.qmp(soon())?;
        let is_full =
            |qmp: &mut Qmp| -> Result<bool> { Ok(qmp.monitor("info qtree", soon())?.contains("throttle on")) };
        if !is_uart(row) {
            // Before, it may have answered all that it had received, and is between two replies.
            soon().poll("a full channel", || Ok(is_full(&mut qmp)?.then_some(())))?;
        }
        qmp.execute("stop", json!({}), soon())?;
        // QEMU 7.2 and 11.1 may break a virtio port that is full when it is saved: when they load it, they write from it before
        // its queue is loaded.
        channel.set_nonblocking(true)?;
        soon().poll("room in the channel", || {
            match channel.read_to_end(&mut replies) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
                _ => {}
            }
            Ok((!is_full(&mut qmp)?).then_some(()))
        })?;
        channel.set_nonblocking(false)?;
        Ok((channel, replies))
    }
}

/// Lines as they came, without the error that clearing the channel brings when a request was cut.
pub fn joined(mut lines: Vec<Vec<u8>>) -> Vec<u8> {
    lines.pop_if(|line| line.starts_with(br#"{"error""#));
    lines.into_iter().flat_map(|line| [line, b"\n".into()].concat()).collect()
}

/// Whether the channel is a UART, which takes a few bytes at a time and does not tell the guest whether there is a host.
pub fn is_uart(row: Row) -> bool {
    matches!(row.channel, Com1 | Com2)
}

fn is_appliance(row: Row) -> bool {
    row.profile.name == APPLIANCE.name
}
