//! What a guest-ping makes a guest and its devices do, as QEMU's trace counts it. A busy host does not change it.

use std::array;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nanoqga_testkit::deadline::soon;
use nanoqga_testkit::machine::Machine;

use super::contender::{Contender, GuestFiles};
use super::exchange::{PING, round_trips};
use super::measures::blank;
use super::results::Measure;
use super::session::Session;

const PINGS: usize = 50;
/// In so many rounds, of which the least counts: a busy host wakes a guest more often than once for a ping, and never less.
const ROUNDS: usize = 10;
/// So many last longer than the time between two looks for the beginning of a second, on the fastest of hosts.
const EARLY_PINGS: usize = 500;
/// What QEMU calls the real-time clock, at which a guest looks until it has seen a second begin.
const CLOCK: &str = "name 'rtc'";

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
        soon().poll("a guest that knows when a second begins", || {
            let before = lines(&log, &[CLOCK])?;
            round_trips(&mut session.agent, PING, EARLY_PINGS)?;
            Ok((lines(&log, &[CLOCK])? == before).then_some(()))
        })?;
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
    let mut counts = [0; COUNTED.len()];
    for (count, (_, events)) in counts.iter_mut().zip(COUNTED) {
        *count = lines(log, events)?;
    }
    Ok(counts)
}

/// How many lines of QEMU's trace have one of some words.
fn lines(log: &Path, words: &[&str]) -> Result<usize> {
    let trace = fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
    Ok(trace.lines().filter(|line| words.iter().any(|word| line.contains(word))).count())
}
