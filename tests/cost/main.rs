//! What a byte of a request costs the engine, in instructions that valgrind counts: as much in a long request as in a short one.

mod shapes;

use std::env;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nanoqga::commands::{cpu, sync};
use nanoqga::{Agent, Buffers, Cause, CommandSet, Failure};
use nanoqga_testkit::deadline::SOON;
use nanoqga_testkit::process::output;

const SHORT: usize = 8 << 10;
const LONG: usize = 120 << 10;
/// How much more a byte of a long request may cost.
const GROWTH: f64 = 2.0;
/// Set for the run under valgrind.
const COUNTED: &str = "NANOQGA_COUNTED";

/// A guest that has no processors, so that a list of them is read and nothing comes of it.
struct Guest;

impl cpu::SetProcessors for Guest {
    fn set_processor(&mut self, _: i64, _: bool, _: &mut Cause) -> Result<(), Failure> {
        Err(Failure("there is no such processor"))
    }
}

static COMMANDS: CommandSet<Guest> = CommandSet::new(&[sync::commands(), cpu::set_commands()]);

/// What is counted: valgrind knows it by its name.
#[inline(never)]
fn answer_one_request(agent: &mut Agent<'_, Guest>, request: &[u8], room: &mut [u8]) {
    let mut taken = 0;
    while taken < request.len() {
        taken += agent.receive(&request[taken..]);
        while agent.transmit(&mut Guest, room) > 0 {}
    }
}

fn answer_all() {
    let mut buffers = Box::new(Buffers::<{ 2 * LONG }, 1024>::new());
    let mut room = [0; 512];
    let requests = shapes::all().into_iter().flat_map(|shape| [shape.request(SHORT), shape.request(LONG)]);
    for request in std::iter::once(Vec::from(br#"{"execute":"guest-sync","arguments":{}}"#)).chain(requests) {
        let mut agent = Agent::new(&COMMANDS, buffers.memory());
        answer_one_request(&mut agent, black_box(&request), &mut room);
    }
}

#[test]
fn a_byte_of_a_long_request_costs_at_most_twice_as_much_as_one_of_a_short_request() -> Result<()> {
    if env::var_os(COUNTED).is_some() {
        answer_all();
        return Ok(());
    }
    let folder = env::temp_dir().join(format!("nanoqga-cost-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let counts = count(&folder);
    std::fs::remove_dir_all(&folder)?;
    let counts = counts?;

    let (fixed, counts) = counts.split_first().context("nothing was counted")?;
    let shapes = shapes::all();
    ensure!(counts.len() == 2 * shapes.len(), "{} of {} requests were counted", counts.len(), 2 * shapes.len());
    let per_byte = |count: &u64, length: usize| count.saturating_sub(*fixed) as f64 / length as f64;
    let mut worst = (0.0, String::new());
    for (shape, counts) in shapes.iter().zip(counts.chunks(2)) {
        let [short, long] = [per_byte(&counts[0], SHORT), per_byte(&counts[1], LONG)];
        let row = format!("{}: {short:.1} instructions a byte at 8 KiB, {long:.1} at 120 KiB", shape.name());
        if long / short > worst.0 {
            worst = (long / short, row);
        }
    }
    println!("{} shapes; the most growth, {:.2}: {}", shapes.len(), worst.0, worst.1);
    ensure!(worst.0 <= GROWTH, "a byte costs {:.2} times as much: {}", worst.0, worst.1);
    Ok(())
}

/// Runs this test under valgrind; returns what each request cost.
fn count(folder: &Path) -> Result<Vec<u64>> {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--zero-before=cost::answer_one_request", "--dump-after=cost::answer_one_request"])
        .arg(format!("--callgrind-out-file={}", folder.join("counts").display()))
        .arg(env::current_exe()?)
        .args(["--exact", "a_byte_of_a_long_request_costs_at_most_twice_as_much_as_one_of_a_short_request"])
        .env(COUNTED, "1");
    output(&mut command, SOON)?;
    let mut counts = Vec::new();
    while let Ok(dump) = std::fs::read_to_string(folder.join(format!("counts.{}", counts.len() + 1))) {
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")).context("a dump has no total")?;
        counts.push(total.trim().parse()?);
    }
    Ok(counts)
}
