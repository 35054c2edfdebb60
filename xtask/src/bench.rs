//! `cargo xtask bench`: nanoqga beside what a user would pick instead, in one run on one machine.

mod against;
mod awake;
mod blocks;
mod boots;
mod budgets;
mod chart;
mod contender;
mod counts;
mod disks;
mod echoes;
mod engine;
mod exchange;
mod growth;
mod guests;
mod line;
mod linux;
mod measures;
mod reference;
mod report;
mod results;
mod scale;
mod session;
mod sockets;
mod statistics;
mod svg;
mod table;
mod talks;
mod usage;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use nanoqga_testkit::accelerator::Accelerator;
use nanoqga_testkit::process::output;

use self::budgets::{Budgets, Verdict};
use self::results::{Growth, Host, Measure, Results};

const RESULTS: &str = "\
The results of guests and linux are printed, and kept in target/bench:
report.html with charts, and results.json. That has

  host      the machine: processor, cores, qemu, accelerator, load (average of
            a minute, before and after)
  quick     whether it was the quick set
  measures  each with name, title, unit, less_is_better, is_count, and figures: for each
            contender its samples, one for each turn, and of these the median,
            low and high (a quarter of them is below low, a quarter above high)
  ratios    each with name, measure, sides (contenders), median, low and high.
            MEASURE/CONTENDER is how many times better than qemu-ga that
            contender is, or its own figure if that is a count
            grows-GROWTH/CONTENDER is by which power of x a figure grows
  growth    each with name, title, x and y (the axes' titles with their units),
            and lines: for each contender points with x, median, low and high";

/// Measure guests, agents and engine beside what else there is.
///
/// All sides take turns, and the figures that count are the ratios: what else the machine does weighs on all sides alike.
#[derive(Debug, Default, clap::Args)]
#[command(after_long_help = RESULTS)]
pub(crate) struct Args {
    /// What is measured; all when none is named
    #[arg(value_name = "PART", value_enum)]
    parts: Vec<Part>,
    /// Only what has budgets, with fewer samples: less than a minute on an idle machine
    #[arg(long)]
    quick: bool,
    /// Fail when a ratio is not what xtask/src/bench/budgets.json asks of it, and show both sides' samples
    ///
    /// Budgets are of processor time, sizes and memory, which a busy machine hardly changes, and of the time to the first reply.
    #[arg(long)]
    check: bool,
    /// Write the table in docs/measurements.md, and docs/bench.svg
    #[arg(long)]
    publish: bool,
    /// Measure nothing, but show what the last run has measured
    #[arg(long, conflicts_with_all = ["parts", "quick"])]
    render: bool,
    /// Build an older commit as well, and measure what is built of both in turns; fail when something has become worse
    ///
    /// Its files and what is built of them are kept in target/against. What is measured of guests and of the agent's process is shown,
    /// without the figures that grow.
    #[arg(long, value_name = "COMMIT", exclusive = true)]
    against: Option<String>,
    /// Give back what comes over this socket, to one client: the server that the agents are measured beside
    #[arg(long, value_name = "SOCKET", hide = true, exclusive = true)]
    echo: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The images (nano, appliance) and the agent for Linux as process 1 of a guest, beside Debian's kernel with BusyBox
    /// and qemu-ga, and beside a bare ELF that prints a byte and echoes (the floor). All get the same machine: q35, for the
    /// first reply also microvm. Measures the time from the start of QEMU to the first reply; round trips, and the processor
    /// time that QEMU takes for them, also beside the floor's echo where QEMU polls no eventfds; requests that do not wait; reading and writing a file of 4 MiB that is kept in memory, reading
    /// one of 64 MiB on a disk, and 1 MiB of a slow one, and writing one of 60 KiB over a serial line; the appliance's round trips and reads on vsock beside its port; the register accesses, notifications and interrupts of
    /// a ping, and the blocks of code before the first reply, as QEMU counts them;
    /// the processor time that QEMU takes when idle; its resident memory (the guest's that it has touched, and QEMU's own); the
    /// smallest memory in which a guest answers; how processor time grows with the length of a message, the number of its elements, of network cards,
    /// of channels and of hosts that come and leave, and with what is read of a file; and how time grows with the number of guests
    /// that start at once
    Guests,
    /// The processor time of the agent for Linux beside that of qemu-ga and of a server that only echoes, over unix sockets
    Linux,
    /// Exchanges, long requests and base64, each beside serde_json doing the same with the same bytes (for base64 with the
    /// base64 crate). It has no budgets, and is left out of --check unless it is named
    Engine,
}

const QUESTION: Duration = Duration::from_secs(60);

pub(crate) fn main(args: &Args) -> Result<()> {
    match (&args.echo, &args.against) {
        (Some(socket), _) => linux::echo(socket),
        (None, Some(commit)) => against::compare(commit),
        (None, None) => bench(args),
    }
}

/// The quick set, held against the budgets: what CI runs.
pub(crate) fn quick_check() -> Result<()> {
    bench(&Args { quick: true, check: true, ..Args::default() })
}

fn bench(args: &Args) -> Result<()> {
    let budgets = Budgets::read(ratio_names())?;
    let results = if args.render { Results::load()? } else { measure(args)? };
    if !results.measures.is_empty() {
        show(&results, args.render)?;
    }
    if args.publish {
        report::publish(&results)?;
    }
    if args.check { judge(&budgets.check(&results, args.is_whole())) } else { Ok(()) }
}

impl Args {
    fn wants(&self, part: Part) -> bool {
        if self.parts.is_empty() { part != Part::Engine || !self.check } else { self.parts.contains(&part) }
    }

    /// Whether all that has budgets is measured.
    fn is_whole(&self) -> bool {
        !self.quick && !self.render && self.wants(Part::Guests) && self.wants(Part::Linux)
    }
}

fn measure(args: &Args) -> Result<Results> {
    let before = load()?;
    let (mut measures, mut growth) = (Vec::new(), Vec::new());
    if args.wants(Part::Guests) {
        (measures, growth) = guests::measure(args.quick)?;
    }
    if args.wants(Part::Linux) {
        measures.extend(linux::measure(args.quick)?);
    }
    if args.wants(Part::Engine) {
        engine::compare(args.quick)?;
    }
    let mut ratios: Vec<_> = measures.iter().flat_map(Measure::ratios).collect();
    ratios.extend(linux::ratios(&measures));
    ratios.extend(echoes::ratios(&measures));
    ratios.extend(sockets::ratios(&measures));
    ratios.extend(growth.iter().flat_map(Growth::ratios));
    Ok(Results { host: host(before)?, quick: args.quick, measures, ratios, growth })
}

/// Prints results, and keeps them.
fn show(results: &Results, kept: bool) -> Result<()> {
    println!("{}\n{}", table::text(results), report::about(results));
    if !kept {
        eprintln!("{}", results.save()?.display());
    }
    eprintln!("{}", report::write(results)?.display());
    Ok(())
}

fn judge(verdicts: &[Verdict]) -> Result<()> {
    println!("\nBudgets\n");
    for verdict in verdicts {
        println!("{}", verdict.text);
    }
    // The samples are shown above.
    let first_line = |verdict: &Verdict| verdict.text.lines().next().map(String::from);
    let missed: Vec<_> = verdicts.iter().filter(|verdict| !verdict.holds).filter_map(first_line).collect();
    if missed.is_empty() { Ok(()) } else { bail!("budgets missed:\n{}", missed.join("\n")) }
}

/// The names of all ratios that there can be budgets for.
fn ratio_names() -> impl Iterator<Item = String> {
    let own = linux::RATIOS.into_iter().chain(echoes::RATIOS).chain(sockets::RATIOS).map(String::from);
    measures::ratio_names().chain(own).chain(growth::ratio_names())
}

fn host(load_before: f64) -> Result<Host> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    // Not there where only processes were measured.
    let said = output(Command::new("qemu-system-x86_64").arg("--version"), QUESTION).unwrap_or_default();
    Ok(Host {
        processor: model.trim_start_matches([' ', '\t', ':']).into(),
        cores: thread::available_parallelism()?.get(),
        qemu: said.split_whitespace().nth(3).unwrap_or_default().into(),
        accelerator: Accelerator::Tcg.to_string(),
        load: [load_before, load()?],
    })
}

fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    text.split(' ').next().and_then(|load| load.parse().ok()).with_context(|| format!("/proc/loadavg says {text}"))
}
