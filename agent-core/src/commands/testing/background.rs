//! `nanoqga-test-start` and `nanoqga-test-status`: tests that run in threads while the agent answers.

use serde::Serialize;

use super::capture::Capture;
use super::ending::Ending;
use super::guest::Testing;
use super::output::{Given, Sink};
use super::run::Asked;
use crate::command::Request;
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// How far a run is.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time is on a stack, and there is no allocator to box it with")]
pub enum Progress {
    /// It goes on.
    Running,
    /// It has ended.
    Ended {
        /// How.
        ending: Ending,
        /// How long it took in nanoseconds, if the guest has a clock.
        elapsed_ns: Option<u64>,
        /// Whether it wrote or measured more than the guest has kept.
        is_truncated: bool,
    },
}

/// What a guest with threads does besides. Each run has a number. The guest knows at least the run that was started last.
pub trait Background: Testing {
    /// Starts a thread that runs the `index`-th test with what is `given`, and keeps its output, which it gets as a
    /// [`Sink`]: see [`Output::new`](super::Output::new). Returns the run's number. If there is a `mark`, the thread
    /// prints the lines `nanoqga-test-begin MARK` and `nanoqga-test-end MARK` on the console before the test and after it.
    ///
    /// # Errors
    /// If no thread can be started.
    fn start(&mut self, index: usize, given: Given, mark: Option<&str>) -> Result<u64, Failure>;

    /// How far a run is; `None` if the guest does not know it.
    fn progress(&mut self, run: u64) -> Option<Progress>;

    /// Copies what the guest has kept of a run's output, from the `from`-th byte on; returns how many bytes.
    fn output(&mut self, run: u64, from: u64, into: &mut [u8]) -> usize;

    /// Passes the measurements of a run that has ended to a sink, in their order.
    fn measurements(&mut self, run: u64, to: &mut dyn Sink);
}

#[derive(Serialize)]
struct Started {
    run: u64,
}

pub(super) fn start<G: Background>(
    guest: &mut G,
    request: &mut Request<'_>,
    reply: &mut Reply<'_>,
) -> Result<Step, Error> {
    let Asked { index, given, running } = Asked::by(guest, request, reply.cause())?;
    let run = guest.start(index, given, running.mark())?;
    Ok(reply.whole(&Started { run })?)
}

pub(super) fn status<G: Background>(
    guest: &mut G,
    request: &mut Request<'_>,
    _: &mut Reply<'_>,
) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let run: u64 = arguments.required("run")?;
    let from: u64 = arguments.optional("from")?.unwrap_or_default();
    arguments.finish()?;
    // Before its output: of a run that has ended all is there then.
    let unknown = Error::Number("there is no run ", i64::try_from(run).unwrap_or(i64::MAX), "");
    let progress = guest.progress(run).ok_or(unknown)?;
    let mut capture = Capture::new(request.json_and_spare().1)?;
    let next = copy_output(guest, run, from, &mut capture);
    capture.end_output();
    capture.add("next", &next);
    capture.add("running", &matches!(progress, Progress::Running));
    if let Progress::Ended { ending, elapsed_ns, is_truncated } = progress {
        capture.set_cut(is_truncated);
        guest.measurements(run, &mut capture);
        capture.add_ending(&ending, elapsed_ns);
    }
    let length = capture.finish();
    request.reply_with(length);
    Ok(Step::Checked)
}

/// Copies output from a byte on, as much as there is room for; returns the place behind it. What is not UTF-8 is sent as U+FFFD.
fn copy_output<G: Background>(guest: &mut G, run: u64, from: u64, capture: &mut Capture<'_>) -> u64 {
    let mut next = from;
    let mut piece = [0; 64];
    loop {
        let length = guest.output(run, next, &mut piece);
        let copied = piece.get(..length).unwrap_or(&piece);
        let Some(chunk) = copied.utf8_chunks().next() else { return next };
        let (text, length) = match chunk.valid() {
            "" => ("\u{FFFD}", chunk.invalid().len()),
            valid => (valid, valid.len()),
        };
        match capture.part(text) {
            0 => return next,
            kept => next = next.saturating_add(kept.min(length) as u64),
        }
    }
}
