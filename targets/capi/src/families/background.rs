//! `nanoqga-test-start` and `nanoqga-test-status`.

use core::ptr;

use nanoqga::Failure;
use nanoqga::commands::testing::{self, Background, Given, Measurement, Progress, Sink};

use super::add;
use super::testing::told;
use crate::agent::Nanoqga;
use crate::callbacks::background::{BackgroundCallbacks, TestMeasurement, TestProgress};
use crate::guest::{Family, Guest, NO_CALLBACK};
use crate::status::Status;
use crate::text::{from_c, outcome};

/// Adds nanoqga-test-start and -status, by which a host runs tests in threads of the kernel's. The tests are those of the testing
/// family, which must be added as well.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_background_tests(
    agent: *mut Nanoqga,
    callbacks: *const BackgroundCallbacks,
) -> Status {
    let is_there = |callbacks: &BackgroundCallbacks| {
        let BackgroundCallbacks { start, progress, output, measurement } = callbacks;
        [start.is_some() && progress.is_some() && output.is_some() && measurement.is_some(); 2]
    };
    // SAFETY: The caller's promise.
    unsafe {
        add(agent, Family::Background, callbacks, const { &[testing::background_commands()] }, is_there, |guest| {
            &mut guest.background
        })
    }
}

impl Background for Guest {
    fn start(&mut self, index: usize, given: Given, mark: Option<&str>) -> Result<u64, Failure> {
        let start = self.background.start.ok_or(NO_CALLBACK)?;
        let (mark, length) = mark.map_or((ptr::null(), 0), |mark| (mark.as_ptr().cast(), mark.len()));
        let mut run = 0;
        // SAFETY: The kernel's callback, with its context, as many bytes as are said, and a number that it may write. What it
        // returns is NULL or a text.
        unsafe { outcome(start(self.context, index, given.case, given.seed, mark, length, &raw mut run))? };
        Ok(run)
    }

    fn progress(&mut self, run: u64) -> Option<Progress> {
        let mut progress = TestProgress::default();
        // SAFETY: The kernel's callback, with its context, which may write the progress. It leaves texts NULL or sets them to texts.
        unsafe {
            let known = self.background.progress?(self.context, run, &raw mut progress).is_set();
            known.then(|| match progress.running.is_set() {
                true => Progress::Running,
                false => Progress::Ended {
                    ending: told(&progress.ending),
                    elapsed_ns: (progress.elapsed_ns > 0).then_some(progress.elapsed_ns),
                    is_truncated: progress.truncated.is_set(),
                },
            })
        }
    }

    fn output(&mut self, run: u64, from: u64, into: &mut [u8]) -> usize {
        let length = into.len();
        // SAFETY: The kernel's callback, with its context, which may write as many bytes as are said.
        let copied = self
            .background
            .output
            .map_or(0, |output| unsafe { output(self.context, run, from, into.as_mut_ptr().cast(), length) });
        copied.min(length)
    }

    fn measurements(&mut self, run: u64, to: &mut dyn Sink) {
        let Some(measurement) = self.background.measurement else { return };
        for index in 0.. {
            let mut measured = TestMeasurement::default();
            // SAFETY: The kernel's callback, with its context, which may write the measurement. It leaves texts NULL or sets them
            // to texts.
            let texts = unsafe {
                if !measurement(self.context, run, index, &raw mut measured).is_set() {
                    return;
                }
                (from_c(measured.name), from_c(measured.unit))
            };
            let (name, unit) = (texts.0.unwrap_or_default(), texts.1.unwrap_or_default());
            to.measure(Measurement { name, value: measured.value as f64, unit });
        }
    }
}
