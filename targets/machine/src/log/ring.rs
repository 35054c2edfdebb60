//! The newest records of the log.

use core::sync::atomic::{Ordering, compiler_fence};

use super::line::Line;
use super::record::{Record, Value};

/// How many records have a place. They take 3.5 KiB, and what prints them has the rest of 4 KiB.
pub const RECORDS: usize = 32;

/// The newest records: those of the last `RECORDS - 1` lines. They are numbered from 0 on, for good.
///
/// One place is not read: that of the next record. A panic or an exception may come while it is written, and finds all others
/// whole.
#[derive(Debug)]
pub struct Ring {
    records: [Record; RECORDS],
    /// The number of the next record.
    next: u64,
}

impl Ring {
    /// A ring without a record.
    pub const fn new() -> Self {
        Self { records: [Record::EMPTY; RECORDS], next: 0 }
    }

    /// Adds a record, which takes the oldest one's place: the text of a [`Template`](super::Template) and its values.
    pub fn push(&mut self, template: &'static str, values: &[Value]) {
        if let Some(record) = self.records.get_mut(self.next as usize % RECORDS) {
            record.set(template, values);
        }
        // The record is written before it counts, also for an exception that comes in between.
        compiler_fence(Ordering::Release);
        self.next = self.next.wrapping_add(1);
    }

    /// The number of the oldest record that is still there, or of the next one if there is none.
    pub const fn first(&self) -> u64 {
        self.next.saturating_sub(RECORDS as u64 - 1)
    }

    /// Adds the text of a record to a line; returns whether there is such a record, or does nothing.
    pub fn add_to(&self, line: &mut Line, number: u64) -> bool {
        let there = (self.first()..self.next).contains(&number);
        let record = self.records.get(number as usize % RECORDS);
        record.is_some_and(|record| there && record.add_to(line))
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}
