//! What an agent needs of memory and descriptors, which must not grow.

use std::fmt;

use anyhow::{Result, ensure};

/// After so many figures an agent has all the memory that it needs.
pub const FIRST: usize = 3;

/// By how much a process may grow after that, in KiB: requests and replies of any length come and go.
const MORE: usize = 256;

/// The figures so far.
#[derive(Debug, Default)]
pub struct Memory {
    figures: usize,
    /// KiB: those that the appliance's heap has left, or those that a process has, at first and now.
    first: usize,
    last: usize,
    /// Those of the process, without the open files of hosts.
    descriptors: Option<usize>,
}

impl Memory {
    /// The heap of the appliance has so many KiB left.
    pub fn of_heap(&mut self, kib: usize) -> Result<()> {
        self.note(kib);
        ensure!(kib == self.first, "{} KiB of memory were free, and now {kib}", self.first);
        Ok(())
    }

    /// A process has so many resident KiB, and these descriptors, of which so many are files that hosts have open.
    pub fn of_process(&mut self, kib: usize, files: usize, listed: &str) -> Result<()> {
        self.note(kib);
        ensure!(kib <= self.first + MORE, "the agent had {} KiB, and now {kib}", self.first);
        let descriptors = listed.matches("->").count() - files;
        let first = *self.descriptors.get_or_insert(descriptors);
        ensure!(descriptors == first, "beside {files} files the agent had {first} descriptors, and now {listed}");
        Ok(())
    }

    fn note(&mut self, kib: usize) {
        if self.figures < FIRST {
            self.first = kib;
        }
        self.figures += 1;
        self.last = kib;
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figures, first, last, descriptors } = self;
        write!(f, "{figures} figures of memory from {first} to {last} KiB")?;
        descriptors.map_or(Ok(()), |descriptors| write!(f, ", {descriptors} descriptors"))
    }
}
