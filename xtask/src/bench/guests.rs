//! Guests side by side: nanoqga's images, its agent for Linux, Debian with qemu-ga, and the least that could be.

use anyhow::Result;
use nanoqga_testkit::machine::Machine;
use nanoqga_testkit::progress::step;

use super::contender::{Built, Contender, GuestFiles};
use super::measures::{COMMANDS, in_order};
use super::results::{Growth, Measure};
use super::session::Session;
use super::talks::{self, Effort};
use super::{blocks, boots, counts, disks, echoes, growth, line, sockets};
use crate::setup;

const BOOTS: usize = 9;
const QUICK_BOOTS: usize = 3;
/// Many short turns: what disturbs the host disturbs all sides of a turn alike, or few turns.
const EFFORT: Effort = Effort { turns: 91, commands: &COMMANDS, round_trips: 100, pipelined: 400, file_turns: 9 };
const QUICK_EFFORT: Effort =
    Effort { turns: 61, commands: COMMANDS.split_at(QUICK_COMMANDS).0, round_trips: 60, pipelined: 100, file_turns: 5 };
/// guest-ping and guest-info, which have budgets.
const QUICK_COMMANDS: usize = 2;
/// How often a file is written over a serial line: for some seconds.
const LINE_TURNS: usize = 5;
/// How often the figures that grow are measured.
const GROWTH_TURNS: usize = 3;

const ALL: &[Contender] = &Contender::ALL;
/// The contenders whose first reply has a budget, and the reference.
const QUICKLY_BOOTED: [Contender; 3] = [Contender::Nano, Contender::Appliance, Contender::REFERENCE];

/// The network cards of the guests that are talked to.
const CARDS: u32 = 1;

/// Measures what is built of this commit beside the same of another one: all but what grows.
pub(super) fn against(before: Built) -> Result<Vec<Measure>> {
    let [q35, microvm] = [Machine::named("q35")?, Machine::named("microvm")?];
    let sides = Contender::BUILT.map(|(now, before)| [now, before]).concat();
    // The time in which the other guest boots is its kernel's.
    let (images, _) = sides.split_at(4);
    let files = GuestFiles::prepare(Some(before))?;
    let mut measures = vec![boots::image(&files, &sides)?];
    for (name, machine) in [("first-reply", q35), ("first-reply-microvm", microvm)] {
        let measure = || boots::first_reply(name, &files, machine, images, BOOTS);
        measures.push(step(&format!("Booting in {BOOTS} turns on {machine}"), measure)?);
    }
    let start = |contender: &Contender| Session::start(*contender, &files.config(*contender, q35, CARDS)?);
    let mut sessions = sides.iter().map(start).collect::<Result<Vec<_>>>()?;
    let requests = || talks::requests(&mut sessions, EFFORT);
    measures.extend(step(&format!("Sending requests in {} turns", EFFORT.turns), requests)?);
    measures.extend(step("Waiting", || talks::others(&sessions))?);
    drop(sessions);
    measures.push(step("Looking for the smallest guests", || boots::smallest_memory(&files, q35, &sides))?);
    in_order(&mut measures);
    Ok(measures)
}

/// Measures all. The quick set is what has budgets.
pub(super) fn measure(quick: bool) -> Result<(Vec<Measure>, Vec<Growth>)> {
    let [q35, microvm] = [Machine::named("q35")?, Machine::named("microvm")?];
    setup::qemu_for(q35)?;
    setup::linux()?;
    let files = GuestFiles::prepare(None)?;
    let (boots, effort) = if quick { (QUICK_BOOTS, QUICK_EFFORT) } else { (BOOTS, EFFORT) };
    let (booted, talked_to) = if quick { (&QUICKLY_BOOTED[..], &Contender::AGENTS[..]) } else { (ALL, ALL) };
    let mut measures = vec![boots::image(&files, ALL)?];
    let mut growth = Vec::new();
    let write = || line::writes(&files, q35, LINE_TURNS);
    measures.extend(step(&format!("Writing over a serial line in {LINE_TURNS} turns"), write)?);
    for (name, machine) in [("first-reply", q35), ("first-reply-microvm", microvm)] {
        let measure = || boots::first_reply(name, &files, machine, booted, boots);
        measures.push(step(&format!("Booting in {boots} turns on {machine}"), measure)?);
    }
    for (name, machine) in [("boot-blocks", q35), ("boot-blocks-microvm", microvm)] {
        let count = || blocks::before_first_reply(name, &files, machine);
        measures.push(step(&format!("Counting blocks before the first reply on {machine}"), count)?);
    }
    let start = |contender: &Contender| Session::start(*contender, &files.config(*contender, q35, CARDS)?);
    let mut sessions = talked_to.iter().map(start).collect::<Result<Vec<_>>>()?;
    let requests = || talks::requests(&mut sessions, effort);
    measures.extend(step(&format!("Sending requests in {} turns", effort.turns), requests)?);
    measures.push(step("Sending pings beside echoes", || echoes::measure(&files, q35))?);
    measures.extend(step("Sending requests over vsock beside a port", || sockets::measure(&files, q35))?);
    measures.push(step("Reading a slow disk", || disks::slow(&files, q35, quick))?);
    measures.extend(step("Counting what a ping takes", || counts::of_a_ping(&files, q35, CARDS))?);
    if !quick {
        measures.extend(step("Waiting", || talks::others(&sessions))?);
        growth.push(step("Sending longer and longer messages", || growth::messages(&mut sessions, GROWTH_TURNS))?);
        growth.push(step("Sending longer and longer lists", || growth::elements(&mut sessions, GROWTH_TURNS))?);
        drop(sessions);
        measures.extend(step("Reading a large file on a disk", || disks::reads(&files, q35))?);
        growth.push(step("Reading more and more of a file", || growth::file(&files, q35))?);
        growth.push(step("Asking for more and more interfaces", || growth::interfaces(&files, q35, GROWTH_TURNS))?);
        growth.push(step("Asking beside more and more channels", || growth::channels(&files, q35, GROWTH_TURNS))?);
        growth.push(step("Coming and leaving as more and more hosts", || growth::hosts(&files, q35))?);
        growth.push(step("Booting more and more guests at once", || boots::crowds(&files, q35, GROWTH_TURNS))?);
        measures
            .push(step("Looking for the smallest guests", || boots::smallest_memory(&files, q35, &Contender::AGENTS))?);
    }
    in_order(&mut measures);
    Ok((measures, growth))
}
