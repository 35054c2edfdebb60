//! Very many messages, and a host that takes its time.

use std::io::{BufRead, BufReader, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use nanoqga_testkit::client::shown;
use serde_json::Value;
use tests::booted::synchronise;
use tests::hostile::{Sentence, exchange};
use tests::processor::rests;
use tests::soon;

use crate::Attack;

/// Each ping is answered once, in its order, by its own reply.
pub fn pings(attack: &mut Attack) -> Result<String> {
    let pings = attack.volume(20_000, 1_000_000) as u64;
    let agent = attack.target.connect_after_another(1)?;
    let mut answered = 0;
    let mut agent = exchange(
        agent,
        soon().limit(),
        |stream| {
            let mut stream = std::io::BufWriter::with_capacity(1 << 16, stream);
            (0..pings).try_for_each(|number| stream.write_all(&Sentence::ping(number).message))?;
            stream.flush()
        },
        |line| {
            Sentence::ping(answered).is_answered_by(line)?;
            answered += 1;
            Ok(answered == pings)
        },
    )?;
    synchronise(&mut agent, -1)?;
    Ok(format!("{pings} pings, each answered once and in order"))
}

/// More replies than any buffer on the way can hold, and more requests.
const UNREAD: usize = 3000;
/// The same, and fewer requests than the guest takes at once: vhost-device-vsock 0.3 never goes on when both ways are full.
const UNREAD_ON_VSOCK: usize = 700;
/// More than all buffers for replies hold, in bytes.
const FULL: usize = 1 << 20;

/// The most of a core that may go into waiting for a reader.
const BAR: f64 = 0.02;

/// A host that reads a byte a second loses nothing, gets nothing twice, costs no processor time, and keeps no other waiting.
pub fn slow_reader(attack: &mut Attack) -> Result<String> {
    let seconds = attack.scale(2, 60) as u64;
    let on_vsock = attack.target.is_on_vsock();
    let unread = if on_vsock { UNREAD_ON_VSOCK } else { UNREAD };
    let beside = attack.target.connect_beside()?;
    let mut stream = attack.target.connect_after_another(1)?.into_stream()?;
    stream.set_read_timeout(Some(soon().limit()))?;
    // Nothing is taken for as long as little is read.
    stream.set_write_timeout(None)?;
    let mut writer = stream.try_clone()?;
    let sending = thread::spawn(move || {
        (0..unread)
            .try_for_each(|id| writer.write_all(format!("{{\"execute\":\"guest-info\",\"id\":{id}}}").as_bytes()))
    });
    // It comes to rest when every buffer between the agent and its host is full.
    let share = attack.target.pid().map(|pid| thread::spawn(move || rests(pid, BAR)));
    let mut received = Vec::new();
    let start = Instant::now();
    while start.elapsed().as_secs() < seconds || share.as_ref().is_some_and(|share| !share.is_finished()) {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        received.extend(byte);
        thread::sleep(Duration::from_secs(1)); // no wait: the slow reader is the attack
    }
    let share = share.map_or(Ok(Ok(0.0)), thread::JoinHandle::join).map_err(|_| anyhow!("the measurement failed"))?;
    let share = share.context("while its host reads a byte a second")?;
    ensure!(on_vsock || !sending.is_finished(), "{unread} unread replies were not enough to fill the way");
    if let Some(mut beside) = beside {
        (2..50).try_for_each(|id| synchronise(&mut beside, id)).context("the channel beside")?;
    }
    let bytes = received.len();
    let mut lines = BufReader::new(received.as_slice().chain(stream)).split(b'\n');
    let mut length = 0;
    for id in 0..unread {
        let line = lines.next().with_context(|| format!("the channel ended before reply {id}"))??;
        length += line.len();
        let reply: Value = serde_json::from_slice(&line).with_context(|| shown(&line))?;
        ensure!(reply["id"] == id && reply["return"]["supported_commands"].is_array(), "{id}: {}", shown(&line));
    }
    ensure!(length > FULL, "{length} bytes of replies were not enough to fill the way");
    sending.join().map_err(|_| anyhow!("the sender failed"))??;
    Ok(format!("{unread} replies, the first {bytes} bytes by the second, at {share:.3} of a core"))
}
