//! Guests that boot: how long until the first reply, in how little memory, and many at once.

use std::fs;
use std::iter;
use std::time::Duration;

use anyhow::Result;
use nanoqga_testkit::deadline::Deadline;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Machine;

use super::contender::{Contender, GuestFiles};
use super::measures::blank;
use super::results::{Growth, Line, Measure, Point};
use super::session::{Booting, Session};
use super::statistics::Spread;

/// No guest needs more than this.
const ENOUGH_MIB: u32 = 128;
/// How long one with too little memory is given to answer all the same: an image, and Linux.
const ANSWER: Duration = Duration::from_secs(3);
const LINUX_ANSWER: Duration = Duration::from_secs(20);

/// How often an image boots in one turn, of which the median counts: a busy host may give all of the time in which an image
/// boots once to others. Linux boots long enough to get its share.
const IMAGE_BOOTS: usize = 5;

/// How many guests start at once.
const CROWDS: [usize; 3] = [1, 10, 50];
/// Crowds of up to so many start several times.
const SMALL_CROWD: usize = 10;
/// How many seconds a crowd may take: enough for the largest one on one core.
const CROWD: u64 = 900;

/// Milliseconds from the start of QEMU to the first reply, on one machine.
pub(super) fn first_reply(
    name: &str,
    files: &GuestFiles,
    machine: &'static Machine,
    contenders: &[Contender],
    turns: usize,
) -> Result<Measure> {
    let mut measure = blank(name);
    for _ in 0..turns {
        for &contender in contenders {
            let config = files.config(contender, machine, 0)?;
            let times = if config.initramfs.is_some() { 1 } else { IMAGE_BOOTS };
            let boot = || Ok(Session::start(contender, &config)?.first_reply.as_secs_f64() * 1e3);
            let boots = iter::repeat_with(boot).take(times).collect::<Result<Vec<_>>>()?;
            if let Some(spread) = Spread::of(&boots) {
                measure.add(contender, spread.median);
            }
        }
    }
    Ok(measure)
}

/// The size of the files that a guest boots from, in KiB.
pub(super) fn image(files: &GuestFiles, contenders: &[Contender]) -> Result<Measure> {
    let mut measure = blank("image");
    for &contender in contenders {
        let mut bytes = 0;
        for file in files.of(contender)? {
            bytes += fs::metadata(file)?.len();
        }
        measure.add(contender, bytes as f64 / 1024.0);
    }
    Ok(measure)
}

/// The least MiB of memory in which a guest answers.
pub(super) fn smallest_memory(
    files: &GuestFiles,
    machine: &'static Machine,
    contenders: &[Contender],
) -> Result<Measure> {
    let mut measure = blank("smallest-ram");
    for &contender in contenders {
        let mut config = files.config(contender, machine, 0)?;
        let patience = if config.initramfs.is_some() { LINUX_ANSWER } else { ANSWER };
        let (mut too_little, mut enough) = (0, ENOUGH_MIB);
        while enough - too_little > 1 {
            let mib = too_little.midpoint(enough);
            config.memory_kib = mib << 10;
            // A guest that is too small ends, hangs or resets: whatever it does, it does not answer.
            let ping = || {
                let mut guest = Guest::start(&config)?;
                let deadline = Deadline::after(patience);
                guest.connect(deadline)?.execute("guest-ping", serde_json::json!({}), deadline)
            };
            if ping().is_ok() { enough = mib } else { too_little = mib }
        }
        measure.add(contender, enough.into());
    }
    Ok(measure)
}

/// Seconds from the start of the first QEMU until all guests have answered, against the number of guests.
pub(super) fn crowds(files: &GuestFiles, machine: &'static Machine, turns: usize) -> Result<Growth> {
    let mut lines = Vec::new();
    for contender in [Contender::Nano, Contender::Appliance, Contender::QemuGa] {
        let config = files.config(contender, machine, 0)?;
        let mut points = Vec::new();
        for guests in CROWDS {
            let mut samples = Vec::new();
            for _ in 0..if guests <= SMALL_CROWD { turns } else { 1 } {
                let deadline = Deadline::seconds(CROWD);
                let mut crowd = (0..guests).map(|_| Booting::start(contender, &config)).collect::<Result<Vec<_>>>()?;
                let started = crowd[0].started();
                crowd.iter_mut().try_for_each(|booting| booting.ask(deadline))?;
                // All run until the last one has answered.
                let crowd = crowd.into_iter().map(|booting| booting.wait(deadline)).collect::<Result<Vec<_>>>()?;
                samples.push(started.elapsed().as_secs_f64());
                drop(crowd);
            }
            points.extend(Spread::of(&samples).map(|spread| Point { x: guests as f64, spread }));
        }
        lines.push(Line { contender, points });
    }
    Ok(Growth {
        name: "guests".into(),
        title: "Until all of many guests have answered".into(),
        x: "guests started at once".into(),
        y: "time to the last first reply, s".into(),
        lines,
    })
}
