//! Tests that run in threads, while the agent goes on answering.

use alloc::string::String;
use alloc::vec::Vec;

use ax_std::os::arceos::modules::ax_hal::time::monotonic_time;
use ax_std::sync::Mutex;
use ax_std::thread;
use nanoqga::Failure;
use nanoqga::commands::testing::{Background, Given, Measurement, Output, Progress, Sink, Testing};

use crate::kernel::Kernel;

/// What is kept of a run's output, in bytes.
const KEPT: usize = 64 << 10;

/// The run that was started last.
static LAST: Mutex<Run> = Mutex::new(Run::NONE);

/// A run: what its test has written and measured by now, and how far it is.
struct Run {
    number: u64,
    output: String,
    measurements: Vec<(String, f64, String)>,
    is_cut: bool,
    progress: Option<Progress>,
}

impl Run {
    const NONE: Self =
        Self { number: 0, output: String::new(), measurements: Vec::new(), is_cut: false, progress: None };
}

/// The output of the test that runs.
struct Kept;

impl Sink for Kept {
    fn text(&mut self, text: &str) {
        let mut run = LAST.lock();
        let room = KEPT - run.output.len();
        if room < text.len() {
            run.is_cut = true;
        } else if !run.is_cut {
            run.output.push_str(text);
        }
    }

    fn measure(&mut self, Measurement { name, value, unit }: Measurement<'_>) {
        LAST.lock().measurements.push((name.into(), value, unit.into()));
    }
}

/// Runs a test to its end.
fn run(index: usize, given: Given, mark: Option<String>) {
    if let Some(mark) = &mark {
        println!("nanoqga-test-begin {mark}");
    }
    let start = monotonic_time();
    // The agent's own kernel goes on answering.
    let ending = Kernel::default().call(index, &mut Output::new(&mut Kept, given));
    let elapsed = monotonic_time().saturating_sub(start);
    if let Some(mark) = mark {
        println!("nanoqga-test-end {mark}");
    }
    let mut run = LAST.lock();
    let elapsed_ns = u64::try_from(elapsed.as_nanos()).ok();
    run.progress = Some(Progress::Ended { ending, elapsed_ns, is_truncated: run.is_cut });
}

impl Background for Kernel {
    fn start(&mut self, index: usize, given: Given, mark: Option<&str>) -> Result<u64, Failure> {
        let mut last = LAST.lock();
        if matches!(last.progress, Some(Progress::Running)) {
            return Err(Failure("another test runs"));
        }
        let number = last.number + 1;
        *last = Run { number, progress: Some(Progress::Running), ..Run::NONE };
        drop(last);
        let mark = mark.map(String::from);
        thread::spawn(move || run(index, given, mark));
        Ok(number)
    }

    fn progress(&mut self, run: u64) -> Option<Progress> {
        let last = LAST.lock();
        last.progress.filter(|_| last.number == run)
    }

    fn output(&mut self, _: u64, from: u64, into: &mut [u8]) -> usize {
        let last = LAST.lock();
        let rest = usize::try_from(from).ok().and_then(|from| last.output.as_bytes().get(from..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        count
    }

    fn measurements(&mut self, _: u64, to: &mut dyn Sink) {
        for (name, value, unit) in &LAST.lock().measurements {
            to.measure(Measurement { name, value: *value, unit });
        }
    }
}
