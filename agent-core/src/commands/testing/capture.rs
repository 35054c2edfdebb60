//! What the engine keeps of a test's output: the reply itself, which grows in what the request leaves of its memory.

use serde::Serialize;

use super::ending::Ending;
use super::output::{Measurement, Sink};
use crate::error::Failure;
use crate::json::document::Document;

/// The least memory that a test's reply is written in.
pub(super) const SMALLEST: usize = 1024;

/// What is kept free for the outcome, and for a message and a file of some length.
const RESERVE: usize = 480;

/// The most that measurements take.
const MEASUREMENTS: usize = 512;

/// A reply with the output of a test, and later its outcome.
#[derive(Debug)]
pub(super) struct Capture<'m> {
    document: Document<'m>,
    is_cut: bool,
    has_lost_measurements: bool,
}

impl<'m> Capture<'m> {
    /// A reply in `memory`.
    ///
    /// # Errors
    /// If that is too small for any test.
    pub(super) fn new(memory: &'m mut [u8]) -> Result<Self, Failure> {
        const TOO_SMALL: Failure = Failure("a test needs 1024 bytes more of the agent's memory for requests");
        if memory.len() < SMALLEST {
            return Err(TOO_SMALL);
        }
        let measurements = MEASUREMENTS.min(memory.len() / 8);
        let document = Document::new(memory, "output", measurements).map_err(|_| TOO_SMALL)?;
        Ok(Self { document, is_cut: false, has_lost_measurements: false })
    }

    /// Adds as much of `text` to the output as there is room for; returns how many bytes.
    pub(super) fn part(&mut self, text: &str) -> usize {
        self.document.text(text, RESERVE)
    }

    /// Says that not all of the output was kept.
    pub(super) const fn set_cut(&mut self, is_cut: bool) {
        self.is_cut = is_cut;
    }

    /// Ends the output. From now on members can be added. There is room for all of them: they fit the reserve, or are cut.
    pub(super) fn end_output(&mut self) {
        self.document.end_text();
    }

    /// Adds a member, if there is room for it.
    pub(super) fn add<T: Serialize>(&mut self, name: &str, value: &T) {
        let _ = self.document.object().value(Some(name), value);
    }

    /// Adds the measurements, and how the test ended. A long message is cut.
    pub(super) fn add_ending(&mut self, ending: &Ending, elapsed_ns: Option<u64>) {
        let _ = self.document.add_list("measurements");
        self.add("output-truncated", &(self.is_cut || self.has_lost_measurements));
        self.add("outcome", &ending.outcome());
        self.add("elapsed-ns", &elapsed_ns);
        if let Some((file, line)) = ending.place() {
            self.add("file", &file);
            self.add("line", &line);
        }
        if let Some(message) = ending.message() {
            let mut object = self.document.object();
            let mark = object.mark();
            if object
                .place(Some("message"))
                .and_then(|()| object.text_cut(0, |text| write!(text, "{message}")))
                .is_err()
            {
                object.restore(mark);
            }
        }
    }

    /// Ends the reply; returns how many bytes of the memory it has.
    pub(super) fn finish(self) -> usize {
        self.document.finish()
    }
}

impl Sink for Capture<'_> {
    fn text(&mut self, text: &str) {
        // Nothing is added behind a cut, which nobody would see.
        self.is_cut = self.is_cut || self.part(text) < text.len();
    }

    fn measure(&mut self, measurement: Measurement<'_>) {
        self.has_lost_measurements |= self.document.element(&measurement).is_err();
    }
}
