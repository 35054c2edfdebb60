//! What a guest-ping makes a guest and its devices do, as QEMU's trace counts it. A busy host does not change it.

use std::array;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nanoqga_testkit::machine::Machine;

use super::contender::{Contender, GuestFiles};
use super::exchange::{PING, round_trips};
use super::measures::blank;
use super::results::Measure;
use super::session::Session;

const PINGS: usize = 50;
/// In so many rounds, of which the least counts: a busy host wakes a guest more often than once for a ping, and never less.
const ROUNDS: usize = 10;
/// The first ones find the guest still busy with its start.
const EARLY_PINGS: usize = 100;

/// Measures, and the events of QEMU that each counts. An access to a register leaves the guest, except for notifications of a
/// virtqueue, which have an event of their own.
const COUNTED: [(&str, &[&str]); 3] = [
    ("ping-accesses", &["memory_region_ops_read ", "memory_region_ops_write "]),
    ("ping-notifications", &["virtio_queue_notify "]),
    ("ping-interrupts", &["virtio_notify "]),
];

/// The counts for one ping.
pub(super) fn of_a_ping(files: &GuestFiles, machine: &'static Machine, cards: u32) -> Result<Vec<Measure>> {
    let mut measures = COUNTED.map(|(name, _)| blank(name));
    for contender in Contender::AGENTS {
        let log = files.folder().join(format!("trace-{}", contender.name()));
        let mut config = files.config(contender, machine, cards)?;
        for event in COUNTED.iter().flat_map(|(_, events)| *events) {
            config.argument("-trace", event.trim_end());
        }
        config.argument("-D", log.display().to_string());
        let mut session = Session::start(contender, &config)?;
        round_trips(&mut session.agent, PING, EARLY_PINGS)?;
        let mut least = [usize::MAX; COUNTED.len()];
        let mut before = counted(&log)?;
        for _ in 0..ROUNDS {
            round_trips(&mut session.agent, PING, PINGS)?;
            let after = counted(&log)?;
            least = array::from_fn(|each| least[each].min(after[each] - before[each]));
            before = after;
        }
        for (measure, least) in measures.iter_mut().zip(least) {
            measure.add(contender, least as f64 / PINGS as f64);
        }
    }
    Ok(measures.into())
}

/// How often each of the [`COUNTED`] is in QEMU's trace.
fn counted(log: &Path) -> Result<[usize; COUNTED.len()]> {
    let trace = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let is_one = |line: &&[u8], events: &[&str]| events.iter().any(|event| line.starts_with(event.as_bytes()));
    Ok(COUNTED.map(|(_, events)| trace.split(|byte| *byte == b'\n').filter(|line| is_one(line, events)).count()))
}
