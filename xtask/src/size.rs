//! `cargo xtask size`: the images measured against their bars.

mod firmware;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nanoqga_testkit::deadline::{Deadline, factor, soon};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::progress::step;
use nanoqga_testkit::qemu::{Config, Console};
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection};
use serde_json::json;

use crate::capi;
use crate::image::{self, APPLIANCE, NANO, Profile};
use crate::kernels;
use crate::proofs;
use crate::setup;
use crate::targets;

/// Measure image and engine against their bars.
///
/// Measures the image of every profile: its file, the smallest guest it answers in, and the time from the start of QEMU to its
/// first reply beside the time a bare ELF needs to print one byte on the same machine, in turns. Measures the engine: its state,
/// and the stack that it takes, over all commands, in a program for this host: without what a guest's own functions take.
/// Measures by how much code and data the C kernel grows with the agent, and by how much flash firmware for a Cortex-M3 does. Fails
/// when a bar is missed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// How many times each is booted for the times. Odd, so that the median is one of them.
const BOOTS: usize = 11;

/// How long a guest with too little memory is given to answer all the same, on an idle machine.
const ANSWER: Duration = Duration::from_secs(5);

const KIB: u64 = 1024;
const ENGINE_BAR: u64 = 8 * KIB;
const STACK_BAR: u64 = 4 * KIB;
const C_KERNEL_BAR: u64 = 40 * KIB;
const FIRMWARE_BAR: u64 = 24 * KIB;
const DATA_BAR: u64 = 2 * KIB;

/// What a profile's image may take.
struct Bars {
    profile: &'static Profile,
    /// By architecture.
    files: &'static [(&'static str, u64)],
    /// Those of one architecture stand together.
    machines: &'static [MachineBars],
}

/// What a machine's guest may take: memory in MiB, and first reply in first bytes of the bare ELF.
struct MachineBars {
    machine: &'static str,
    memory: u32,
    first_reply: f64,
}

static BARS: [Bars; 2] = [
    Bars {
        profile: &NANO,
        files: &[("x86_64", 64 * KIB), ("aarch64", 64 * KIB), ("riscv64", 58 * KIB)],
        machines: &[
            MachineBars { machine: "q35", memory: 8, first_reply: 1.25 },
            MachineBars { machine: "microvm", memory: 2, first_reply: 1.5 },
            MachineBars { machine: "aarch64-virt", memory: 4, first_reply: 1.5 },
            MachineBars { machine: "riscv64-virt", memory: 8, first_reply: 1.5 },
        ],
    },
    Bars {
        profile: &APPLIANCE,
        files: &[("x86_64", 320 * KIB), ("aarch64", 320 * KIB), ("riscv64", 320 * KIB)],
        machines: &[
            MachineBars { machine: "q35", memory: 8, first_reply: 1.5 },
            MachineBars { machine: "microvm", memory: 4, first_reply: 1.5 },
            MachineBars { machine: "aarch64-virt", memory: 4, first_reply: 1.5 },
            MachineBars { machine: "riscv64-virt", memory: 8, first_reply: 1.5 },
        ],
    },
];

/// One line of the table.
struct Row {
    what: String,
    measured: String,
    bar: String,
    holds: bool,
}

pub(crate) fn main() -> Result<()> {
    setup::qemu()?;
    let mut rows = vec![engine(), stack()?, c_kernel("q35")?, c_kernel("riscv64-virt")?, firmware()?];
    for Bars { profile, files, machines } in &BARS {
        let mut measured = "";
        for bars in *machines {
            let machine = Machine::named(bars.machine)?;
            let image = image::build(targets::target(machine), profile)?;
            let bare = image::build_first_byte(targets::target(machine))?;
            let place = format!("{}, {machine}", profile.name);
            if measured != targets::target(machine) {
                measured = targets::target(machine);
                let bar = files.iter().find(|(architecture, _)| *architecture == machine.architecture());
                let (_, bar) = bar.with_context(|| format!("{} has no bar", machine.architecture()))?;
                rows.push(file(profile, machine, &image, *bar)?);
                if profile.name == NANO.name {
                    rows.push(data(profile, machine, &image)?);
                }
            }
            rows.push(step(&format!("Looking for the smallest guest: {place}"), || {
                memory(&place, machine, &image, bars)
            })?);
            rows.push(step(&format!("Timing {BOOTS} boots: {place}"), || {
                first_reply(&place, profile, &image, &bare, bars)
            })?);
        }
    }
    show(&rows);
    let missed = rows.iter().filter(|row| !row.holds).count();
    if missed > 0 {
        bail!("{missed} of these figures are above their bars");
    }
    Ok(())
}

fn file(profile: &Profile, machine: &Machine, image: &Path, bar: u64) -> Result<Row> {
    let bytes = fs::metadata(image)?.len();
    let what = format!("image file: {}, {}", profile.name, machine.architecture());
    Ok(Row { what, measured: kib(bytes), bar: kib(bar), holds: bytes <= bar })
}

/// What lies in the image besides code and constants. An agent or its buffers would be more than the bar.
fn data(profile: &Profile, machine: &Machine, image: &Path) -> Result<Row> {
    let file = fs::read(image)?;
    let image = ElfFile64::<Endianness>::parse(&*file)?;
    let bytes = image.section_by_name(".data").map_or(0, |section| section.size());
    let what = format!("data that is not zero at first: {}, {}", profile.name, machine.architecture());
    Ok(Row { what, measured: kib(bytes), bar: kib(DATA_BAR), holds: bytes <= DATA_BAR })
}

fn engine() -> Row {
    // No guest is stored in the engine, so any type stands for one.
    let bytes = (size_of::<nanoqga::Agent<'static, ()>>() + size_of::<nanoqga::Buffers>()) as u64;
    Row {
        what: "engine state with default buffers".into(),
        measured: kib(bytes),
        bar: kib(ENGINE_BAR),
        holds: bytes <= ENGINE_BAR,
    }
}

/// Of `receive` and `transmit` over all commands. What the guest's own functions take is not in it.
fn stack() -> Result<Row> {
    let bytes = proofs::stack()?;
    Ok(Row {
        what: "engine's worst-case stack, release profile, this host".into(),
        measured: kib(bytes),
        bar: kib(STACK_BAR),
        holds: bytes <= STACK_BAR,
    })
}

/// By how much the C kernel grows with an agent that has nano's families, and two commands of its own.
fn c_kernel(machine: &str) -> Result<Row> {
    let machine = Machine::named(machine)?;
    let [with, without] = [true, false].map(|with_agent| capi::loaded(&capi::kernel(machine, with_agent)?));
    let bytes = with?.saturating_sub(without?);
    Ok(Row {
        what: format!("agent in the C kernel: {}", machine.architecture()),
        measured: kib(bytes),
        bar: kib(C_KERNEL_BAR),
        holds: bytes <= C_KERNEL_BAR,
    })
}

/// By how much flash the firmware of `targets/kernels/cortex-m` grows with the polled agent.
fn firmware() -> Result<Row> {
    let (polled, bare) = kernels::firmware()?;
    let (polled, bare) = (firmware::flash(&polled)?, firmware::flash(&bare)?);
    let bytes = polled.saturating_sub(bare);
    Ok(Row {
        what: format!("agent in firmware for a Cortex-M3, flash: {polled} B, without {bare} B"),
        measured: kib(bytes),
        bar: kib(FIRMWARE_BAR),
        holds: bytes <= FIRMWARE_BAR,
    })
}

fn memory(place: &str, machine: &'static Machine, image: &Path, bars: &MachineBars) -> Result<Row> {
    let smallest = (1..=4 * bars.memory).find(|&mib| answers(machine, image, mib));
    Ok(Row {
        what: format!("smallest guest that answers: {place}"),
        measured: smallest.map_or("none".into(), |mib| format!("{mib} MiB")),
        bar: format!("{} MiB", bars.memory),
        holds: smallest.is_some_and(|mib| mib <= bars.memory),
    })
}

fn answers(machine: &'static Machine, image: &Path, mib: u32) -> bool {
    let mut config = Config::new(machine, Channel::Virtio, image);
    config.memory_kib = mib << 10;
    // A guest that is too small ends, hangs or resets: whatever it does, it does not answer.
    let ping = || {
        let mut guest = Guest::start(&config)?;
        let deadline = Deadline::after(ANSWER * factor());
        guest.connect(deadline)?.execute("guest-ping", json!({}), deadline)
    };
    ping().is_ok()
}

fn first_reply(place: &str, profile: &Profile, image: &Path, bare: &Path, bars: &MachineBars) -> Result<Row> {
    // The bare ELF gets the same machine, with the same devices, so that the firmware has the same work.
    let config = |image| -> Result<Config> {
        let mut config = Config::new(Machine::named(bars.machine)?, Channel::Virtio, image);
        profile.equip(&mut config);
        Ok(config)
    };
    let mut replies = Vec::new();
    let mut bytes = Vec::new();
    // In turns, so that whatever else the host does weighs on both alike.
    for _ in 0..BOOTS {
        bytes.push(time_to_byte(config(bare)?)?);
        replies.push(time_to_reply(&config(image)?)?);
    }
    let (reply, byte) = (median(replies), median(bytes));
    let ratio = reply.as_secs_f64() / byte.as_secs_f64();
    Ok(Row {
        what: format!("first reply against a bare ELF's first byte: {place}"),
        measured: format!("{:.1} ms / {:.1} ms = {ratio:.2}", milliseconds(reply), milliseconds(byte)),
        bar: format!("{:.2}", bars.first_reply),
        holds: ratio <= bars.first_reply,
    })
}

fn time_to_reply(config: &Config) -> Result<Duration> {
    let mut guest = Guest::start(config)?;
    let mut agent = guest.connect(soon())?;
    agent.execute("guest-ping", json!({}), soon())?;
    Ok(guest.started().elapsed())
}

fn time_to_byte(mut config: Config) -> Result<Duration> {
    config.console = Console::Socket;
    let mut guest = Guest::start(&config)?;
    let mut console = guest.take_console(soon())?;
    console.set_read_timeout(Some(soon().limit()))?;
    // Firmware may have something to say before.
    let mut byte = [0];
    while byte != *b"!" {
        console.read_exact(&mut byte).with_context(|| format!("the bare ELF printed nothing{}", guest.tails()))?;
    }
    Ok(guest.started().elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn kib(bytes: u64) -> String {
    format!("{:.1} KiB", bytes as f64 / KIB as f64)
}

fn show(rows: &[Row]) {
    let width = |column: fn(&Row) -> &str| rows.iter().map(|row| column(row).len()).max().unwrap_or(0);
    let (what, measured) = (width(|row| &row.what), width(|row| &row.measured));
    for row in rows {
        let verdict = if row.holds { "holds" } else { "MISSED" };
        println!("{:what$}  {:>measured$}  (at most {}: {verdict})", row.what, row.measured, row.bar);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_of_the_sorted() {
        let times = [9, 1, 5].map(Duration::from_millis).to_vec();
        assert_eq!(median(times), Duration::from_millis(5));
    }
}
