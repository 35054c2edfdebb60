//! What a test is given beside its guest, and where it writes.

use core::fmt;

use serde::Serialize;

/// A number that a test has measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measurement<'a> {
    /// What was measured.
    pub name: &'a str,
    /// The number. One that is infinite or no number is not sent.
    pub value: f64,
    /// Its unit, such as `ns`.
    pub unit: &'a str,
}

/// Where a test's output is kept until it is sent. A kernel that runs tests in threads implements it.
pub trait Sink {
    /// Keeps text, as much of it as there is room for.
    fn text(&mut self, text: &str);

    /// Keeps a measurement, if there is room for it.
    fn measure(&mut self, measurement: Measurement<'_>);
}

/// Which case of a test is run, and by what numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The case: 0 for a test without cases.
    pub case: u64,
    /// The seed for random numbers: 0 unless the host gave one.
    pub seed: u64,
}

/// The output of a test that runs, and what it is run with. It is written to with `write!`, which never fails. What there is no
/// room for is dropped, and the host is told so.
pub struct Output<'m> {
    sink: &'m mut dyn Sink,
    given: Given,
}

impl<'m> Output<'m> {
    /// The output of a test that is run with what is `given`, kept in `sink`.
    pub const fn new(sink: &'m mut dyn Sink, given: Given) -> Self {
        Self { sink, given }
    }

    /// Which case of the test is run: below the number of its cases. 0 for a test without cases.
    #[must_use]
    pub const fn case(&self) -> u64 {
        self.given.case
    }

    /// The seed for random numbers, which differs from run to run though the guest may have been restored from a snapshot.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.given.seed
    }

    /// Sends a measurement with the verdict.
    pub fn measure(&mut self, name: &str, value: f64, unit: &str) {
        self.sink.measure(Measurement { name, value, unit });
    }
}

impl fmt::Write for Output<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.sink.text(text);
        Ok(())
    }
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("given", &self.given).finish_non_exhaustive()
    }
}
