//! How time grows: with the length of a message, and with the number of interfaces.

use anyhow::{Result, ensure};
use nanoqga_testkit::machine::Machine;

use super::contender::{Contender, GuestFiles};
use super::exchange::{command, exchange};
use super::results::{Growth, Line, Point};
use super::session::Session;
use super::statistics::Spread;
use super::talks::{ping_of, round_trip_ms};

/// Lengths of requests in bytes, up to what our agent for Linux and the appliance take; nano takes those up to 4 KiB.
const LENGTHS: [usize; 7] = [64, 256, 1 << 10, 4000, 16 << 10, 48 << 10, 120 << 10];
/// How many bytes are sent of each length, and how many messages at least.
const VOLUME: usize = 2 << 20;
const MESSAGES: usize = 20;
/// More than what a request has around its id.
const ENVELOPE: usize = 64;

/// Numbers of network cards. The appliance drives up to four.
const CARDS: [u32; 4] = [1, 2, 4, 8];
const APPLIANCE_CARDS: u32 = 4;
const INTERFACES: &str = "guest-network-get-interfaces";
const QUESTIONS: usize = 200;

/// Samples by contender and x.
#[derive(Debug, Default)]
struct Samples(Vec<(Contender, f64, Vec<f64>)>);

impl Samples {
    fn add(&mut self, contender: Contender, x: f64, sample: f64) {
        match self.0.iter_mut().find(|(side, place, _)| (*side, *place) == (contender, x)) {
            Some((_, _, samples)) => samples.push(sample),
            None => self.0.push((contender, x, vec![sample])),
        }
    }

    fn lines(&self) -> Vec<Line> {
        let point =
            |(_, x, samples): &(Contender, f64, Vec<f64>)| Spread::of(samples).map(|spread| Point { x: *x, spread });
        let line = |contender| {
            let points: Vec<_> = self.0.iter().filter(|(side, ..)| *side == contender).filter_map(point).collect();
            (!points.is_empty()).then_some(Line { contender, points })
        };
        Contender::ALL.into_iter().filter_map(line).collect()
    }
}

/// A guest-ping against its length. What makes it longer is its id, which comes back: so the reply grows as well.
pub(super) fn messages(sessions: &mut [Session], turns: usize) -> Result<Growth> {
    let mut samples = Samples::default();
    for length in LENGTHS {
        let request = ping_of(length);
        for _ in 0..turns {
            for session in sessions.iter_mut().filter(|session| length < session.contender.longest_request()) {
                let reply = exchange(&mut session.agent, &request)?;
                ensure!(reply + ENVELOPE > length, "{}: {reply} bytes for a ping of {length}", session.contender);
                let times = (VOLUME / length).clamp(MESSAGES, QUESTIONS);
                if let Some(time) = round_trip_ms(session, &request, times)? {
                    samples.add(session.contender, length as f64, time);
                }
            }
        }
    }
    Ok(Growth {
        name: "message".into(),
        title: "Round trip of a guest-ping with a long id".into(),
        x: "length of the request, bytes".into(),
        y: "round trip, ms".into(),
        lines: samples.lines(),
    })
}

/// guest-network-get-interfaces against the number of network cards.
pub(super) fn interfaces(files: &GuestFiles, machine: &'static Machine, turns: usize) -> Result<Growth> {
    let mut samples = Samples::default();
    let request = command(INTERFACES);
    for cards in CARDS {
        let sides = Contender::AGENTS.into_iter().filter(|side| side.answers(INTERFACES));
        let sides = sides.filter(|side| *side != Contender::Appliance || cards <= APPLIANCE_CARDS);
        let start = |side| Session::start(side, &files.config(side, machine, cards)?);
        let mut sessions = sides.map(start).collect::<Result<Vec<_>>>()?;
        for session in &mut sessions {
            session.check(INTERFACES)?;
        }
        for _ in 0..turns {
            for session in &mut sessions {
                if let Some(time) = round_trip_ms(session, &request, QUESTIONS)? {
                    samples.add(session.contender, cards.into(), time);
                }
            }
        }
    }
    Ok(Growth {
        name: "interfaces".into(),
        title: "Round trip of guest-network-get-interfaces".into(),
        x: "network cards".into(),
        y: "round trip, ms".into(),
        lines: samples.lines(),
    })
}
