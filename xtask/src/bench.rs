//! `cargo xtask bench`: nanoqga beside what a user would pick instead, in one run on one machine.

mod awake;
mod boots;
mod budgets;
mod chart;
mod contender;
mod engine;
mod exchange;
mod growth;
mod guests;
mod linux;
mod measures;
mod reference;
mod report;
mod results;
mod scale;
mod session;
mod statistics;
mod svg;
mod table;
mod talks;
mod usage;

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::process::output;
use nanoqga_testkit::qemu::accelerator;

use self::budgets::{Budgets, Verdict};
use self::results::{Host, Measure, Results};
use crate::options::{Argument, Options, Usage};

pub(crate) const HELP: &str = "\
cargo xtask bench [guests] [linux] [engine] [--quick] [--check] [--publish]
cargo xtask bench --render [--check] [--publish]

Measures these, or all of them when none is named. All sides take turns, and the figures that count are the ratios: what else
the machine does weighs on all sides alike.

guests: nanoqga's images (nano, appliance) and its agent for Linux as process 1 of a guest, beside Debian's kernel with
BusyBox and qemu-ga, and beside a bare ELF that prints a byte and echoes (the floor). All get the same machine: q35, for the
first reply also microvm. Measures the time from the start of QEMU to the first reply; round trips, and the processor time
that QEMU takes for them; requests that do not wait; reading and writing a file of 4 MiB that is kept in memory; the
processor time that QEMU takes when idle; its resident memory (the guest's that it has touched, and QEMU's own); the smallest
memory in which a guest answers; and how time grows with the length of a message, the number of network cards, and the
number of guests that start at once.

linux: the processor time of the agent for Linux beside that of qemu-ga and of a server that only echoes, over unix sockets.

engine: exchanges, long requests and base64, each beside serde_json doing the same with the same bytes (for base64 with the
base64 crate). It has no budgets, and is left out of --check unless it is named.

  --quick    only what has budgets, with fewer samples: less than a minute on an idle machine
  --check    fails when a ratio is not what xtask/src/bench/budgets.json asks of it, and shows both sides' samples. Budgets
             are of processor time, sizes and memory, which a busy machine hardly changes, and of the time to the first reply
  --publish  writes the table in docs/measurements.md, and docs/bench.svg
  --render   measures nothing, but shows what the last run has measured

The results of guests and linux are printed, and kept in target/bench: report.html with charts, and results.json. That has
  host      the machine: processor, cores, qemu, accelerator, load (average of a minute, before and after)
  quick     whether it was the quick set
  measures  each with name, title, unit, less_is_better, and figures: for each contender its samples, one for each turn, and
            of these the median, low and high (a quarter of them is below low, a quarter above high)
  ratios    each with name, measure, sides (contenders), median, low and high. MEASURE/CONTENDER is how many times better
            than qemu-ga that contender is
  growth    each with name, title, x and y (the axes' titles with their units), and lines: for each contender points with
            x, median, low and high
";

/// What is measured, in this order.
const PARTS: [&str; 3] = ["guests", "linux", "engine"];

const QUESTION: Duration = Duration::from_secs(60);

/// What is asked for on the command line.
#[derive(Debug, Default)]
struct Asked {
    parts: Vec<String>,
    quick: bool,
    check: bool,
    publish: bool,
    render: bool,
}

pub(crate) fn main(mut options: Options) -> Result<()> {
    let mut asked = Asked::default();
    while let Some(argument) = options.argument()? {
        match argument {
            Argument::Option(name) if name == "quick" => asked.quick = true,
            Argument::Option(name) if name == "check" => asked.check = true,
            Argument::Option(name) if name == "publish" => asked.publish = true,
            Argument::Option(name) if name == "render" => asked.render = true,
            Argument::Word(word) if word == linux::ECHO => return linux::echo(options),
            Argument::Word(word) if PARTS.contains(&&*word) => asked.parts.push(word),
            other => return Err(other.unexpected()),
        }
    }
    if asked.render && (asked.quick || !asked.parts.is_empty()) {
        return Err(Usage::new("--render measures nothing, so there is nothing to choose").into());
    }
    bench(&asked)
}

/// The quick set, held against the budgets: what CI runs.
pub(crate) fn quick_check() -> Result<()> {
    bench(&Asked { quick: true, check: true, ..Asked::default() })
}

fn bench(asked: &Asked) -> Result<()> {
    let budgets = Budgets::read(ratio_names())?;
    let results = if asked.render { Results::load()? } else { measure(asked)? };
    if !results.measures.is_empty() {
        show(&results, asked.render)?;
    }
    if asked.publish {
        report::publish(&results)?;
    }
    if asked.check { judge(&budgets.check(&results, asked.is_whole())) } else { Ok(()) }
}

impl Asked {
    fn wants(&self, part: &str) -> bool {
        if self.parts.is_empty() { part != "engine" || !self.check } else { self.parts.iter().any(|it| it == part) }
    }

    /// Whether all that has budgets is measured.
    fn is_whole(&self) -> bool {
        !self.quick && !self.render && self.wants("guests") && self.wants("linux")
    }
}

fn measure(asked: &Asked) -> Result<Results> {
    let before = load()?;
    let (mut measures, mut growth) = (Vec::new(), Vec::new());
    if asked.wants("guests") {
        (measures, growth) = guests::measure(asked.quick)?;
    }
    if asked.wants("linux") {
        measures.extend(linux::measure(asked.quick)?);
    }
    if asked.wants("engine") {
        engine::compare(asked.quick)?;
    }
    let mut ratios: Vec<_> = measures.iter().flat_map(Measure::ratios).collect();
    ratios.extend(linux::ratios(&measures));
    Ok(Results { host: host(before)?, quick: asked.quick, measures, ratios, growth })
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
    measures::ratio_names().chain(linux::RATIOS.map(String::from))
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
        accelerator: accelerator().into(),
        load: [load_before, load()?],
    })
}

fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    text.split(' ').next().and_then(|load| load.parse().ok()).with_context(|| format!("/proc/loadavg says {text}"))
}
