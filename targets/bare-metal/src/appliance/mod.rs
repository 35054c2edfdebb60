//! The profile `appliance`: what it answers beside the profile `nano`, and the state behind that.

mod disks;
mod files;
mod machine;
mod storage;

use agent_core::commands::{cpu, disk, file, filesystem, fsfreeze, info, memory, os, power, sync, time};
use agent_core::{Command, CommandSet};

use self::storage::Storage;
use crate::arch::{self, Machine};
use crate::channel::{Channel, Io};
use crate::guest::{Guest, State};
use crate::load::Account;
use crate::{heap, log};

/// The longest request in bytes. Hosts send files in lines of up to 88 KiB.
const RECEIVE: usize = 128 << 10;

/// The commands of the profile `appliance`.
pub static COMMANDS: CommandSet<Guest<Appliance>> = CommandSet::new(TABLES);
static TABLES: &[&[Command<Guest<Appliance>>]] = &[
    sync::commands(),
    info::commands(),
    os::commands(),
    time::commands(),
    power::commands(),
    cpu::commands(),
    memory::commands(),
    file::commands(),
    filesystem::commands(),
    fsfreeze::commands(),
    disk::commands(),
];

/// What the appliance knows besides what its machine does.
#[derive(Debug)]
pub struct Appliance {
    account: Account,
    storage: Storage,
}

/// A channel on `io`, in memory of its own. `None` if there is not as much left.
pub fn channel(io: Io) -> Option<&'static mut Channel<Appliance, RECEIVE>> {
    let room = heap::room_for();
    if room.is_none() {
        log!("no memory for a channel");
    }
    Some(Channel::new_in(room?, io, &COMMANDS))
}

impl Appliance {
    /// Finds the machine's devices.
    pub fn find(machine: &Machine) -> Self {
        Self { account: Account::default(), storage: Storage::find(machine) }
    }

    /// Puts the devices to rest before the machine sleeps.
    pub fn suspend(&mut self) {
        self.storage.suspend();
    }

    /// Sets the devices, which may have been reset, up again.
    pub fn resume(&mut self) {
        self.storage.resume();
    }

    /// Does what can be done for the devices without waiting; says whether there was anything.
    fn poll(&mut self) -> bool {
        self.storage.acknowledge_interrupts();
        false
    }

    /// For how many nanoseconds there will be nothing to do for the devices, unless they interrupt. `None`: for ever.
    fn idle_ns(&self) -> Option<u64> {
        None
    }
}

impl State for Appliance {
    fn before_shutdown(&mut self) {
        self.storage.unmount();
    }
}

impl Guest<Appliance> {
    /// Does what can be done without waiting for everything but the channels; says whether there was anything.
    pub fn poll(&mut self) -> bool {
        if self.machine.hardware().take_power_button() {
            log!("the power button was pressed");
            if let Err(failure) = power::Power::shutdown(self, power::Shutdown::PowerDown) {
                log!("{}", failure.0);
            }
        }
        self.state.poll()
    }

    /// Sleeps until there is something to do, and puts that to the account.
    pub fn sleep(&mut self) {
        self.spend(true);
        match self.state.idle_ns() {
            Some(ns) => self.machine.sleep_for(ns),
            None => self.machine.sleep(),
        }
        self.spend(!self.machine.can_sleep());
    }

    /// Puts the time since the last call to the account. `None` without a clock.
    fn spend(&mut self, awake: bool) -> Option<()> {
        self.state.account.spend(arch::monotonic_ns()?, awake);
        Some(())
    }
}
