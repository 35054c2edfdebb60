//! A guest-ping beside the bare ELF's echo, where QEMU does little of its own for it.
//!
//! QEMU's main loop is woken by an eventfd for each notification, and polls one for each queue of a console, which has 64 of them with
//! QEMU's 31 ports. That is half of what a ping costs the host, and a guest cannot change it. So this console has two ports, and QEMU
//! handles notifications where the guest makes them.

use anyhow::Result;
use nanoqga_testkit::machine::Machine;

use super::contender::Contender::{self, Appliance, Floor, Nano};
use super::contender::GuestFiles;
use super::exchange::{PING, round_trips};
use super::measures::blank;
use super::results::{Measure, Ratio};
use super::session::Session;
use super::usage::microseconds;

const NAME: &str = "ping-alone-cpu";
/// The bare ELF gives back whatever it gets: here the end of a line.
const ECHO: &str = "";

const TURNS: usize = 31;
const ROUND_TRIPS: usize = 100;

/// Whose guest-ping has a ratio to an echo, and that ratio's name.
const IN_ECHOES: [(Contender, &str); 2] =
    [(Nano, "ping-alone-cpu/nano-in-echoes"), (Appliance, "ping-alone-cpu/appliance-in-echoes")];

/// The names of the ratios that only this measure has.
pub(super) const RATIOS: [&str; 2] = [IN_ECHOES[0].1, IN_ECHOES[1].1];

/// The processor time that all of QEMU's threads take for a round trip, in microseconds.
pub(super) fn measure(files: &GuestFiles, machine: &'static Machine) -> Result<Measure> {
    let start = |side| {
        let mut config = files.config(side, machine, 0)?;
        for property in ["ioeventfd=off", "max_ports=2"] {
            config.argument("-global", format!("virtio-serial-pci.{property}"));
        }
        Session::start(side, &config)
    };
    let mut sessions = [Floor, Nano, Appliance].into_iter().map(start).collect::<Result<Vec<_>>>()?;
    let mut measure = blank(NAME);
    for _ in 0..TURNS {
        for session in &mut sessions {
            let request = if session.contender == Floor { ECHO } else { PING };
            let pings = |session: &mut Session| round_trips(&mut session.agent, request, ROUND_TRIPS);
            let (used, _) = microseconds(session.pid(), || pings(session))?;
            measure.add(session.contender, used / ROUND_TRIPS as f64);
        }
    }
    Ok(measure)
}

/// How many echoes a guest-ping costs.
pub(super) fn ratios(measures: &[Measure]) -> Vec<Ratio> {
    let ratio = |(side, name): &(Contender, &str)| {
        let measure = measures.iter().find(|measure| measure.name == NAME)?;
        let spread = measure.times_better(Floor, *side)?;
        Some(Ratio { name: (*name).into(), measure: NAME.into(), sides: vec![*side, Floor], spread })
    };
    IN_ECHOES.iter().filter_map(ratio).collect()
}
