//! What of the log was printed, and what was not.

use super::line::Line;
use super::ring::Ring;

/// How often a port is asked to take a line's next bytes before the rest is left for later: its host does not read.
pub const PATIENCE: u32 = 20_000;

/// Prints the records of a ring, each once. It keeps the rest of a line that a port did not take.
#[derive(Debug, Default)]
pub struct Printer {
    line: Line,
    /// How much of the line was sent.
    sent: usize,
    /// The number of the record after that.
    next: u64,
    /// The port took nothing, and is asked only once each time until it does.
    stalled: bool,
}

impl Printer {
    /// A printer that has printed nothing.
    pub const fn new() -> Self {
        Self { line: Line::new(), sent: 0, next: 0, stalled: false }
    }

    /// Sends what was not printed yet, as far as the port takes it. `send` is handed bytes and returns how many of them, from
    /// the first on, the port has taken. A line says how many lines were overwritten before they could be printed.
    pub fn print(&mut self, ring: &Ring, mut send: impl FnMut(&[u8]) -> usize) {
        loop {
            let mut patience = if self.stalled { 1 } else { PATIENCE };
            while let Some(rest) = self.line.bytes().get(self.sent..).filter(|rest| !rest.is_empty()) {
                match send(rest) {
                    0 => patience -= 1,
                    sent => self.sent = self.sent.saturating_add(sent),
                }
                if patience == 0 {
                    self.stalled = true;
                    return;
                }
            }
            self.stalled = false;
            if !self.begin_line(ring) {
                return;
            }
        }
    }

    /// Has a text that is in no record be the next to be printed, before records that were not. It takes the place of what a
    /// stalled port has not taken, and is cut if it is longer than a line.
    pub fn insert(&mut self, text: &str) {
        self.line.clear();
        self.line.add(text.as_bytes());
        self.sent = 0;
    }

    /// Puts together the next line; returns whether there is one.
    fn begin_line(&mut self, ring: &Ring) -> bool {
        self.line.clear();
        self.sent = 0;
        let lost = ring.first().saturating_sub(self.next);
        if lost > 0 {
            self.line.decimal(lost);
            self.line.add(b" line(s) were lost");
            self.next = ring.first();
        } else if ring.add_to(&mut self.line, self.next) {
            self.next = self.next.wrapping_add(1);
        } else {
            return false;
        }
        self.line.end();
        true
    }
}
