//! Guests side by side: nanoqga's images, its agent for Linux, Debian with qemu-ga, and the least that could be.

use std::time::Duration;

use anyhow::Result;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::progress::step;

use super::contender::{Contender, Workshop};
use super::measures::in_order;
use super::results::{Growth, Measure};
use super::session::Session;
use super::talks::{self, Effort};
use super::{boots, growth};
use crate::setup;

const BOOTS: usize = 9;
const QUICK_BOOTS: usize = 3;
const EFFORT: Effort = Effort { turns: 9, round_trips: 1000, pipelined: 4000, idle: Duration::from_secs(6) };
const QUICK_EFFORT: Effort = Effort { turns: 3, round_trips: 300, pipelined: 1000, idle: Duration::from_secs(2) };
/// How often the figures that grow are measured.
const GROWTH_TURNS: usize = 3;

/// The network cards of the guests that are talked to.
const CARDS: u32 = 1;

/// Measures all; the quick set leaves out growth and the smallest memory.
pub(super) fn measure(quick: bool) -> Result<(Vec<Measure>, Vec<Growth>)> {
    let [q35, microvm] = [Machine::named("q35")?, Machine::named("microvm")?];
    setup::qemu_for(q35)?;
    setup::linux()?;
    let workshop = Workshop::open()?;
    let (boots, effort) = if quick { (QUICK_BOOTS, QUICK_EFFORT) } else { (BOOTS, EFFORT) };
    let mut measures = vec![boots::image(&workshop)?];
    let mut growth = Vec::new();
    for (name, machine) in [("first-reply", q35), ("first-reply-microvm", microvm)] {
        let measure = || boots::first_reply(name, &workshop, machine, boots);
        measures.push(step(&format!("Booting all in turns, {boots} times, on {machine}"), measure)?);
    }
    let start = |contender| Session::start(contender, &workshop.config(contender, q35, CARDS)?);
    let mut sessions = Contender::ALL.into_iter().map(start).collect::<Result<Vec<_>>>()?;
    measures
        .extend(step(&format!("Talking to all in {} turns", effort.turns), || talks::measure(&mut sessions, effort))?);
    if !quick {
        growth.push(step("Sending longer and longer messages", || growth::messages(&mut sessions, GROWTH_TURNS))?);
        drop(sessions);
        growth.push(step("Asking for more and more interfaces", || growth::interfaces(&workshop, q35, GROWTH_TURNS))?);
        growth.push(step("Booting more and more guests at once", || boots::crowds(&workshop, q35, GROWTH_TURNS))?);
        measures.push(step("Looking for the smallest guests", || boots::smallest_memory(&workshop, q35))?);
    }
    in_order(&mut measures);
    Ok((measures, growth))
}
