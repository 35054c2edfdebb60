//! The parts of the machine that only this profile drives.

use machine::memory_blocks::MemoryBlocks;
use machine::processors::Processors;
use machine::{Machine, PowerButton, Suspend, Timer};

/// The parts. `None`: the machine does not have it.
#[derive(Debug)]
pub struct Hardware {
    /// The processors.
    pub processors: Processors,
    /// The RAM.
    pub memory: Option<MemoryBlocks>,
    /// The timer that ends a sleep.
    timer: Option<Timer>,
    /// The way to suspend to RAM.
    pub suspend: Option<Suspend>,
}

impl Hardware {
    /// Finds the parts.
    pub fn find(machine: &Machine) -> Self {
        Self {
            processors: machine.processors(),
            memory: MemoryBlocks::new(machine.ram()),
            timer: Timer::find(machine),
            suspend: Suspend::find(machine),
        }
    }

    /// Sleeps for a moment, or until a device interrupts. Returns at once without a timer.
    pub fn doze(&self, machine: &Machine) {
        if let Some(timer) = &self.timer {
            timer.doze(|| machine.sleep());
        }
    }

    /// The same for no longer than `ns` nanoseconds.
    pub fn sleep_for(&self, machine: &Machine, ns: u64) {
        if let Some(timer) = &self.timer {
            timer.sleep_for(ns, || machine.sleep());
        }
    }

    /// Suspends to RAM, on a machine that can, until it is woken. The power button is armed again then.
    pub fn suspend(&self, machine: &Machine, power_button: Option<&PowerButton>) {
        if let Some(suspend) = &self.suspend {
            suspend.sleep(machine, self.timer.as_ref(), power_button);
        }
    }
}
