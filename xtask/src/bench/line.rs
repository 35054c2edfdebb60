//! A file that is written over a serial line, whose host waits for the guest after every few bytes.

use anyhow::Result;
use nanoqga_testkit::machine::Machine;

use super::contender::{Contender, GuestFiles};
use super::exchange::write_file;
use super::measures::blank;
use super::results::Measure;
use super::session::Session;
use super::usage::microseconds;

/// What Proxmox writes at once, for which it waits five seconds.
const PIECE: usize = 60 << 10;
/// At the root of a volume or file system that is kept in memory.
const FILE: &str = "/line.bin";

const SIDES: [Contender; 3] = [Contender::Appliance, Contender::LinuxAgent, Contender::QemuGa];

/// Rate, in MB/s, and the processor time that all of QEMU's threads take for a KiB, in microseconds.
pub(super) fn writes(files: &GuestFiles, machine: &'static Machine, turns: usize) -> Result<[Measure; 2]> {
    let start = |side: Contender| Session::start_on_a_line(side, &files.config_on_a_line(side, machine)?);
    let mut sessions = SIDES.into_iter().map(start).collect::<Result<Vec<_>>>()?;
    let [mut rate, mut cost] = ["line-write", "line-cpu"].map(blank);
    for _ in 0..turns {
        for session in &mut sessions {
            let (used, written) = microseconds(session.pid(), || write_file(&mut session.agent, FILE, PIECE, PIECE))?;
            rate.add(session.contender, written / 1e6);
            cost.add(session.contender, used / (PIECE >> 10) as f64);
        }
    }
    Ok([rate, cost])
}
