//! How the processor time of a guest's QEMU grows: with the length of a message and its elements, the number of interfaces, of channels and of hosts
//! that come and leave, and with a file's length.

use anyhow::{Result, ensure};
use nanoqga_testkit::machine::{Channel, Machine};

use super::contender::{Contender, GuestFiles};
use super::disks;
use super::exchange::{PING, command, exchange, read_file, round_trips};
use super::results::{Growth, Line, Point};
use super::session::Session;
use super::statistics::Spread;
use super::talks::{PIECE, ping_of};
use super::usage::microseconds;

/// Lengths of requests in bytes, up to what our agent for Linux and the appliance take; nano takes those up to 4 KiB.
const LENGTHS: [usize; 7] = [64, 256, 1 << 10, 4000, 16 << 10, 48 << 10, 120 << 10];
/// How many bytes are sent of each length, and how many messages at least.
const VOLUME: usize = 2 << 20;
const MESSAGES: usize = 20;
/// More than what a request has around its id.
const ENVELOPE: usize = 64;

/// Numbers of elements of a message's id. nano takes the first three.
const ELEMENTS: [usize; 4] = [10, 100, 1000, 10_000];

/// Numbers of network cards. The appliance drives up to four.
const CARDS: [u32; 4] = [1, 2, 4, 8];
const APPLIANCE_CARDS: u32 = 4;
const INTERFACES: &str = "guest-network-get-interfaces";
const QUESTIONS: usize = 200;

/// What the images serve at once: up to four virtio consoles, and a serial port.
const CHANNELS: [usize; 5] = [1, 2, 3, 4, 5];
const CONSOLES: usize = 4;

/// How many hosts come, ask and leave.
const HOSTS: [usize; 4] = [10, 100, 1000, 10_000];
/// Lengths of what is read of a file, in MiB. qemu-ga takes minutes for the longest.
const FILES: [usize; 5] = [1, 4, 16, 64, 256];
const REFERENCE_FILE: usize = 16;

/// The names of what grows.
const NAMES: [&str; 7] = [MESSAGE, "elements", "interfaces", "channels", HOST, "file", "guests"];
const MESSAGE: &str = "message";
const HOST: &str = "hosts";

/// The names of the ratios that growth has.
pub(super) fn ratio_names() -> impl Iterator<Item = String> {
    NAMES.into_iter().flat_map(|name| Contender::ALL.map(|side| format!("grows-{name}/{}", side.name())))
}

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

    fn growth(&self, name: &str, title: &str, x: &str, y: &str) -> Growth {
        Growth { name: name.into(), title: title.into(), x: x.into(), y: y.into(), lines: self.lines() }
    }
}

/// Microseconds of processor time for one of some equal requests.
fn cost(session: &mut Session, request: &str, times: usize) -> Result<f64> {
    let (used, _) = microseconds(session.pid(), || round_trips(&mut session.agent, request, times))?;
    Ok(used / times as f64)
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
                samples.add(session.contender, length as f64, cost(session, &request, times)?);
            }
        }
    }
    let title = "Processor time of a guest-ping with a long id";
    Ok(samples.growth(MESSAGE, title, "length of the request, bytes", "processor time, µs"))
}

/// A guest-ping against the number of elements of its id, which come back.
pub(super) fn elements(sessions: &mut [Session], turns: usize) -> Result<Growth> {
    let mut samples = Samples::default();
    for elements in ELEMENTS {
        let request = format!("{},\"id\":[{}0]}}", PING.trim_end_matches('}'), "0,".repeat(elements - 1));
        for _ in 0..turns {
            let takes_it = |session: &&mut Session| request.len() < session.contender.longest_request();
            for session in sessions.iter_mut().filter(takes_it) {
                let reply = exchange(&mut session.agent, &request)?;
                ensure!(reply > 2 * elements, "{}: {reply} bytes for {elements} elements", session.contender);
                samples.add(session.contender, elements as f64, cost(session, &request, MESSAGES)?);
            }
        }
    }
    let title = "Processor time of a guest-ping with a list as its id";
    Ok(samples.growth("elements", title, "elements", "processor time, µs"))
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
                samples.add(session.contender, cards.into(), cost(session, &request, QUESTIONS)?);
            }
        }
    }
    let title = "Processor time of guest-network-get-interfaces";
    Ok(samples.growth("interfaces", title, "network cards", "processor time, µs"))
}

/// A guest-ping on the first channel against the number of channels.
pub(super) fn channels(files: &GuestFiles, machine: &'static Machine, turns: usize) -> Result<Growth> {
    let mut samples = Samples::default();
    for channels in CHANNELS {
        let start = |side| {
            let mut config = files.config(side, machine, 0)?;
            // QEMU allows one port of the agent's name. Consoles without it are served as well, because it may be plugged in.
            for _ in 1..channels.min(CONSOLES) {
                config.argument("-device", "virtio-serial-pci");
            }
            if channels > CONSOLES {
                config.channels.push(Channel::Com2);
            }
            Session::start(side, &config)
        };
        let mut sessions =
            [Contender::Nano, Contender::Appliance].into_iter().map(start).collect::<Result<Vec<_>>>()?;
        for _ in 0..turns {
            for session in &mut sessions {
                samples.add(session.contender, channels as f64, cost(session, PING, QUESTIONS)?);
            }
        }
    }
    let title = "Processor time of a guest-ping beside other channels";
    Ok(samples.growth("channels", title, "channels", "processor time, µs"))
}

/// All hosts that come, send a guest-ping and leave, one after the other, against their number.
pub(super) fn hosts(files: &GuestFiles, machine: &'static Machine) -> Result<Growth> {
    let mut samples = Samples::default();
    for side in [Contender::Nano, Contender::Appliance, Contender::LinuxAgent] {
        let mut session = Session::start(side, &files.config(side, machine, 0)?)?;
        for hosts in HOSTS {
            let come_and_leave = |session: &mut Session| {
                (0..hosts).try_for_each(|_| {
                    session.reconnect()?;
                    exchange(&mut session.agent, PING).map(drop)
                })
            };
            let (used, ()) = microseconds(session.pid(), || come_and_leave(&mut session))?;
            samples.add(side, hosts as f64, used / 1e3);
        }
    }
    let title = "Processor time of hosts that come, ask and leave";
    Ok(samples.growth(HOST, title, "hosts", "processor time of all, ms"))
}

/// Reading a file on a disk against its length.
pub(super) fn file(files: &GuestFiles, machine: &'static Machine) -> Result<Growth> {
    let mut samples = Samples::default();
    let longest = FILES[FILES.len() - 1];
    let mut sessions = disks::sessions(files, machine, longest << 20, &disks::SIDES, "")?;
    for mib in FILES {
        for session in &mut sessions {
            if session.contender == Contender::REFERENCE && mib > REFERENCE_FILE {
                continue;
            }
            let path = disks::path(session.contender);
            let read = |session: &mut Session| read_file(&mut session.agent, path, mib << 20, PIECE);
            let (used, _) = microseconds(session.pid(), || read(session))?;
            samples.add(session.contender, mib as f64, used / 1e3);
        }
    }
    let title = "Processor time of reading the beginning of a file of 256 MiB on a disk";
    Ok(samples.growth("file", title, "MiB that are read", "processor time of all, ms"))
}
