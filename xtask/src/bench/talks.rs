//! Guests that are up: their round trips, rates, files, and what they take from the host.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::contender::Contender;
use super::exchange::{PING, command, pipelined, read_file, round_trips, write_file};
use super::measures::blank;
use super::results::Measure;
use super::session::Session;
use super::statistics::percentiles;
use super::usage::{microseconds, processor_time, resident_kib};

/// At the root of a volume or file system that is kept in memory.
const FILE: &str = "/bench.bin";
const FILE_LENGTH: usize = 4 << 20;
/// Three quarters of what Proxmox sends at once; with base64 around it, within the appliance's longest request.
pub(super) const PIECE: usize = 48 << 10;

/// How often and how long the guests are left alone.
const IDLE_TURNS: usize = 5;
const IDLE: Duration = Duration::from_secs(6);

/// How many requests are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub turns: usize,
    /// The commands that are sent, and their short names in the names of measures.
    pub commands: &'static [(&'static str, &'static str)],
    pub round_trips: usize,
    pub pipelined: usize,
    /// How often a file is written and read.
    pub file_turns: usize,
}

/// What requests to guests that are up at the same time take, in turns: time and the host's processor time; and files.
pub(super) fn requests(sessions: &mut [Session], effort: Effort) -> Result<Vec<Measure>> {
    let mut measures = commands(sessions, effort)?;
    measures.extend(pipelines(sessions, effort)?);
    measures.extend(files(sessions, effort.file_turns)?);
    Ok(measures)
}

/// What guests take that nobody talks to.
pub(super) fn others(sessions: &[Session]) -> Result<Vec<Measure>> {
    let mut measures = vec![idle(sessions)?];
    let mut memory = blank("memory");
    for session in sessions.iter() {
        memory.add(session.contender, resident_kib(session.pid())? / 1024.0);
    }
    measures.push(memory);
    Ok(measures)
}

/// Round trips, and the processor time that all of QEMU's threads take for one, in microseconds. A virtual processor's thread
/// alone would not do: a guest that notifies QEMU more often than it must costs the thread that handles notifications.
fn commands(sessions: &mut [Session], effort: Effort) -> Result<Vec<Measure>> {
    let mut measures = Vec::new();
    for (name, short) in effort.commands {
        let [mut middle, mut tail, mut cost] = ["p50", "p99", "cpu"].map(|figure| blank(&format!("{short}-{figure}")));
        // The floor's echo stands for the shortest command.
        let takes_part = |session: &&mut Session| {
            session.contender.answers(name) || (session.contender, *name) == (Contender::Floor, "guest-ping")
        };
        for turn in 0..effort.turns {
            for session in sessions.iter_mut().filter(takes_part) {
                if turn == 0 {
                    session.check(name)?;
                }
                let request = if session.contender == Contender::Floor { String::new() } else { command(name) };
                let (used, times) =
                    microseconds(session.pid(), || round_trips(&mut session.agent, &request, effort.round_trips))?;
                cost.add(session.contender, used / effort.round_trips as f64);
                if let Some([p50, p99]) = percentiles(&times, [50.0, 99.0]) {
                    middle.add(session.contender, p50 * 1e6);
                    tail.add(session.contender, p99 * 1e6);
                }
            }
        }
        measures.extend([middle, tail, cost]);
    }
    Ok(measures)
}

/// Requests that do not wait for replies: replies in a second, and processor time for each, in microseconds.
fn pipelines(sessions: &mut [Session], effort: Effort) -> Result<[Measure; 2]> {
    let [mut rate, mut cost] = ["pipelined", "pipelined-cpu"].map(blank);
    for _ in 0..effort.turns {
        for session in sessions.iter_mut().filter(|session| session.contender.answers("guest-ping")) {
            let (used, replies) = microseconds(session.pid(), || pipelined(&mut session.agent, effort.pipelined))?;
            rate.add(session.contender, replies);
            cost.add(session.contender, used / effort.pipelined as f64);
        }
    }
    Ok([rate, cost])
}

/// A file that is written and read, in MB/s.
fn files(sessions: &mut [Session], turns: usize) -> Result<[Measure; 2]> {
    let [mut reading, mut writing] = ["file-read", "file-write"].map(blank);
    for _ in 0..turns {
        for session in sessions.iter_mut().filter(|session| session.contender.answers("guest-file-open")) {
            let agent = &mut session.agent;
            writing.add(session.contender, write_file(agent, FILE, FILE_LENGTH, PIECE)? / 1e6);
            reading.add(session.contender, read_file(agent, FILE, FILE_LENGTH, PIECE)? / 1e6);
        }
    }
    Ok([reading, writing])
}

/// The share of a core that QEMU takes for guests that nobody talks to, in percent.
fn idle(sessions: &[Session]) -> Result<Measure> {
    let mut measure = blank("idle-cpu");
    for _ in 0..IDLE_TURNS {
        let start = Instant::now();
        let before = sessions.iter().map(|session| processor_time(session.pid())).collect::<Result<Vec<_>>>()?;
        // No event ends the window: what the guests take during it is the figure.
        thread::sleep(IDLE);
        for (session, before) in sessions.iter().zip(before) {
            let used = processor_time(session.pid())? - before;
            measure.add(session.contender, used / start.elapsed().as_secs_f64() * 100.0);
        }
    }
    Ok(measure)
}

/// A guest-ping whose request has so many bytes. All that makes it longer is its id, which comes back.
pub(super) fn ping_of(length: usize) -> String {
    let id = "x".repeat(length.saturating_sub(PING.len() + r#","id":"""#.len()));
    format!(r#"{},"id":"{id}"}}"#, PING.trim_end_matches('}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_ping_is_as_long_as_asked_for() {
        let ping = ping_of(100);
        assert_eq!(ping.len(), 100);
        let value: serde_json::Value = serde_json::from_str(&ping).unwrap();
        assert_eq!(value["execute"], "guest-ping");
    }
}
