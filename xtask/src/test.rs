//! `cargo xtask test`: everything that shows whether the project is in order.

mod commands;
mod newest;
mod parts;
mod report;
mod times;

use std::time::Instant;

use anyhow::{Result, bail};
use clap::builder::PossibleValue;
use nanoqga_testkit::deadline;
use nanoqga_testkit::machine::Machine;

pub(crate) use self::commands::whole_system;
use self::parts::{PARTS, Part};
pub(crate) use self::report::Report;
use self::report::Row;
use self::times::{Times, clock};
use crate::targets;
use crate::usage::one_of;

/// Check all: lints, proofs, host tests, and the image under QEMU and libvirt.
///
/// Runs the parts that are named. The run ends with a table: each part, the time that it took, how many tests and other checks
/// passed, and what was skipped and why.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
NANOQGA_SEED (a number) in the environment changes the requests of the part differential, NANOQGA_REQUESTS their number. \
NANOQGA_WORKLOADS is how many workloads lose power in the part faults. RUST_TEST_THREADS sets how many tests run at once. \
NANOQGA_QEMU is a folder with the QEMU programs to run guests on, or `newest` for Debian's newest.")]
pub(crate) struct Args {
    /// What is run; all but the long ones when none is named
    #[arg(value_name = "PART", value_parser = one_of(choices()))]
    parts: Vec<Choice>,
    /// Print the parts with the time that each took last, and run nothing
    #[arg(long)]
    list: bool,
    /// Run only this machine's rows of the part qemu; for `linux`, the part linux
    #[arg(long, value_parser = targets::named_machine(), conflicts_with_all = ["parts", "list"])]
    machine: Option<&'static Machine>,
}

/// What a word names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    All,
    Part(&'static str),
}

fn choices() -> impl Iterator<Item = (PossibleValue, Choice)> {
    let part = |part: &'static Part| {
        let only = if part.long { "long: " } else { "" };
        (PossibleValue::new(part.name).help(format!("{only}{}", part.about)), Choice::Part(part.name))
    };
    let all = (PossibleValue::new("all").help("every part, also the long ones"), Choice::All);
    PARTS.iter().map(part).chain([all])
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let Args { parts, list, machine } = args;
    if let Some(machine) = machine {
        return one_machine(machine);
    }
    let mut times = Times::load();
    if *list {
        print!("{}", listed(&times));
        return Ok(());
    }
    let wanted = |part: &&Part| {
        parts.contains(&Choice::All) || parts.contains(&Choice::Part(part.name)) || parts.is_empty() && !part.long
    };
    run(&PARTS.iter().filter(wanted).collect::<Vec<_>>(), &mut times)
}

/// The parts, each with the time that it took last.
fn listed(times: &Times) -> String {
    let line = |part: &Part| {
        let last = times.last(part.name).map_or_else(|| "-".into(), clock);
        let only = if part.long { "only in `all`: " } else { "" };
        format!("{:<13} {last:>6}  {only}{}\n", part.name, part.about)
    };
    PARTS.iter().map(line).collect()
}

/// Runs parts in order. One that fails does not keep the others from running.
fn run(parts: &[&Part], times: &mut Times) -> Result<()> {
    eprintln!("Limits of waiting are {} times as long as on an idle ordinary machine.", deadline::factor());
    let start = Instant::now();
    let mut rows = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let last = times.last(part.name).map_or_else(String::new, |last| format!(", took {} last time", clock(last)));
        eprintln!(
            "\n=== part {} of {}: {}: {} ({} elapsed{last})",
            index + 1,
            parts.len(),
            part.name,
            part.about,
            clock(start.elapsed())
        );
        let mut report = Report::default();
        let began = Instant::now();
        let error = (part.run)(&mut report).err();
        let took = began.elapsed();
        match &error {
            Some(error) => eprintln!("error: {error:#}"),
            // The time of a run that failed says nothing about the next.
            None => times.note(part.name, took)?,
        }
        rows.push(Row { name: part.name, took, report, failed: error.is_some() });
    }
    eprintln!("\n{}", report::table(&rows, start.elapsed()));
    let failed: Vec<_> = rows.iter().filter(|row| row.failed).map(|row| row.name).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn one_machine(machine: &Machine) -> Result<()> {
    let mut report = Report::default();
    if machine == &targets::LINUX { parts::linux(&mut report) } else { parts::rows_of(machine, &mut report) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_list_has_each_part_with_its_last_time() {
        let mut times = Times::default();
        times.set("lint", Duration::from_secs(92));
        let list = listed(&times);
        assert_eq!(list.lines().count(), PARTS.len());
        assert!(list.starts_with("lint            1:32  "), "{list}");
        assert!(list.contains("\nmiri               -  "), "{list}");
    }
}
