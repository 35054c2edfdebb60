//! How much code a guest runs before its first reply, as blocks of instructions that QEMU translates: each costs some microseconds and
//! most run once, so they are most of what an image adds to the start of QEMU and its firmware. A busy host does not change the count.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nanoqga_testkit::client::shown;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Bus, Machine};
use nanoqga_testkit::qemu::Config;
use serde_json::json;

use super::contender::{Contender, GuestFiles};
use super::exchange::{PING, PONG};
use super::measures::blank;
use super::results::Measure;

const IMAGES: [Contender; 2] = [Contender::Nano, Contender::Appliance];

/// A guest that finds nothing to do before QEMU has brought it the request prints its log first. So the least of some boots counts.
const BOOTS: usize = 5;
/// How many seconds a boot may take on a busy machine.
const PATIENCE: u64 = 60;

/// How the trace's lines of a translated block begin, and of a notification. The agent's port is number 1, which has queue 5 for
/// what it sends.
const TRANSLATED: &str = "translate_block ";
const NOTIFIED: &str = "virtio_queue_notify ";
const REPLY: &str = " n 5 ";

/// Where an image lies: firmware is below, or moves to the end of memory.
const IMAGE: Range<u64> = 1 << 20..2 << 20;

/// The blocks of an image before its first reply, on one machine.
pub(super) fn before_first_reply(name: &str, files: &GuestFiles, machine: &'static Machine) -> Result<Measure> {
    let mut measure = blank(name);
    for contender in IMAGES {
        let log = files.folder().join(format!("blocks-{}-{machine}", contender.name()));
        let mut config = files.config(contender, machine, 0)?;
        // Notifications are handled where the guest makes them, so that the trace has them in their order.
        let device = if machine.bus == Bus::Pci { "virtio-serial-pci" } else { "virtio-mmio" };
        config.argument("-global", format!("{device}.ioeventfd=off"));
        for event in [TRANSLATED, NOTIFIED] {
            config.argument("-trace", event.trim_end());
        }
        config.argument("-D", log.display().to_string());
        // The guest begins when its host's request is there.
        config.word("-S");
        let boots = (0..BOOTS).map(|_| blocks(&config, &log)).collect::<Result<Vec<_>>>()?;
        measure.add(contender, boots.into_iter().min().unwrap_or_default() as f64);
    }
    Ok(measure)
}

/// Boots a guest, and counts its blocks.
fn blocks(config: &Config, log: &Path) -> Result<usize> {
    let deadline = Deadline::seconds(PATIENCE);
    let mut guest = Guest::start(config)?;
    let mut agent = guest.connect(deadline)?;
    agent.send(format!("{PING}\n").as_bytes(), deadline)?;
    guest.qmp(deadline)?.execute("cont", json!({}), deadline)?;
    let reply = agent.line(deadline)?;
    ensure!(reply == PONG, "the guest's reply to guest-ping is {}", shown(&reply));
    // It sends nothing again, so whatever it did meanwhile is no part of this.
    drop(guest);
    let trace = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    count(&String::from_utf8_lossy(&trace)).with_context(|| format!("{} has no reply", log.display()))
}

/// The blocks of the image up to the last notification of the queue that replies leave by. `None` if there was none.
fn count(trace: &str) -> Option<usize> {
    let (mut blocks, mut before_reply) = (0, None);
    for line in trace.lines() {
        if line.starts_with(TRANSLATED) {
            blocks += usize::from(address(line).is_some_and(|address| IMAGE.contains(&address)));
        } else if line.starts_with(NOTIFIED) && line.contains(REPLY) {
            before_reply = Some(blocks);
        }
    }
    before_reply
}

/// The guest's address of a translated block.
fn address(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("pc:0x")?;
    u64::from_str_radix(rest.split(',').next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_of_the_image_before_the_reply_are_counted() {
        let trace = "translate_block tb:0x7f, pc:0xfffffff0, tb_code:0x7f\n\
                     translate_block tb:0x7f, pc:0x100010, tb_code:0x7f\n\
                     virtio_queue_notify vdev 0x55 n 3 vq 0x7f\n\
                     translate_block tb:0x7f, pc:0x10ffff, tb_code:0x7f\n\
                     virtio_queue_notify vdev 0x55 n 5 vq 0x7f\n\
                     translate_block tb:0x7f, pc:0x100020, tb_code:0x7f\n";
        assert_eq!(count(trace), Some(2));
        assert_eq!(count("translate_block tb:0x7f, pc:0x100010, tb_code:0x7f\n"), None);
    }
}
