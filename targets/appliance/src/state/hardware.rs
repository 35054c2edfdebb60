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
    /// The power button, which is armed.
    pub power_button: Option<PowerButton>,
    /// The timer that ends a sleep.
    timer: Option<Timer>,
}

impl Hardware {
    /// Finds the parts, and arms the power button.
    pub fn find(machine: &Machine) -> Self {
        Self {
            processors: machine.processors(),
            memory: MemoryBlocks::new(machine.ram()),
            power_button: PowerButton::find(machine),
            timer: Timer::find(machine),
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

    /// Whether the machine can suspend to RAM. It is looked for anew each time, so that a first reply does not wait for that.
    pub fn can_suspend(machine: &Machine) -> bool {
        Suspend::find(machine).is_some()
    }

    /// Suspends to RAM, on a machine that can, until it is woken. Timer and power button are set up again then.
    pub fn suspend(&self, machine: &Machine) {
        if let Some(suspend) = Suspend::find(machine) {
            suspend.sleep(machine, self.timer.as_ref(), self.power_button.as_ref());
        }
    }
}
