//! The profile `appliance`: what it answers beside the profile `nano`, and the state behind that.

mod disks;
mod files;
mod machine;
mod network;
mod network_card;
mod people;
mod storage;
mod suspension;
mod virtio_disk;

use agent_core::commands::{
    cpu, disk, exec, file, filesystem, fsfreeze, info, memory, network as network_commands, os, power, suspend, sync,
    time, user,
};
use agent_core::{Command, CommandSet};

use self::network::Links;
use self::storage::Storage;
use crate::arch::{self, Machine};
use crate::channel::{Channel, Io};
use crate::guest::{Guest, State};
use crate::load::Account;
use crate::{channels, heap, log};

/// The longest request in bytes. Hosts send files in lines of up to 88 KiB.
const RECEIVE: usize = 128 << 10;

/// Idle moments, of about a millisecond each.
const PATIENCE: u8 = 20;

/// The commands of the profile `appliance`.
pub static COMMANDS: CommandSet<Guest<Appliance>> = CommandSet::new(TABLES);
static TABLES: &[&[Command<Guest<Appliance>>]] = &[
    sync::commands(),
    info::commands(),
    os::commands(),
    time::commands(),
    power::commands(),
    suspend::commands(),
    cpu::commands(),
    memory::commands(),
    file::commands(),
    filesystem::commands(),
    fsfreeze::commands(),
    disk::commands(),
    network_commands::commands(),
    network::COMMANDS,
    user::commands(),
    exec::commands(),
];

/// What the appliance knows besides what its machine does.
#[derive(Debug)]
pub struct Appliance {
    account: Account,
    storage: Storage,
    /// `None` until they are needed.
    links: Option<Links>,
    /// For how many idle moments a host's first request is waited for before the network and the clock are begun with: both
    /// take longer than an answer.
    patience: u8,
    /// The machine is to be suspended when all that was asked before is answered.
    to_suspend: bool,
}

/// The channels, whose agents lie on the heap.
pub type Channels = channels::Channels<&'static mut Channel<Appliance, RECEIVE>>;

/// A channel on `io`, in memory of its own. `None` if there is not as much left.
pub fn channel(io: Io) -> Option<&'static mut Channel<Appliance, RECEIVE>> {
    let room = heap::room_for();
    if room.is_none() {
        log!("no memory for a channel");
    }
    Some(Channel::new_in(room?, io, &COMMANDS))
}

impl Appliance {
    /// Finds the machine's disks. Its network cards are found when there is time for them, or when somebody asks.
    pub fn find(machine: &Machine) -> Self {
        Self {
            account: Account::default(),
            storage: Storage::find(machine),
            links: None,
            patience: PATIENCE,
            to_suspend: false,
        }
    }

    /// For how many nanoseconds there will be nothing to do for the devices, unless they interrupt. `None`: for ever.
    fn idle_ns(&mut self) -> Option<u64> {
        self.links.as_mut().and_then(Links::idle_ns).into_iter().chain(self.storage.write_back_in()).min()
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
        self.state.storage.acknowledge_interrupts();
        self.state.storage.write_back();
        self.state.patience == 0 && self.links().poll()
    }

    /// Sleeps until there is something to do, and puts that to the account.
    pub fn sleep(&mut self) {
        match self.state.patience.checked_sub(1) {
            Some(left) => {
                self.state.patience = left;
                self.machine.doze();
            }
            None => self.sleep_at_most(u64::MAX),
        }
    }

    /// The same, but for no longer than `ns` nanoseconds.
    fn sleep_at_most(&mut self, ns: u64) {
        self.spend(true);
        match self.state.idle_ns().unwrap_or(u64::MAX).min(ns) {
            u64::MAX => self.machine.sleep(),
            ns => self.machine.sleep_for(ns),
        }
        self.spend(!self.machine.can_sleep());
    }

    /// Puts the time since the last call to the account. `None` without a clock.
    fn spend(&mut self, awake: bool) -> Option<()> {
        self.state.account.spend(arch::monotonic_ns()?, awake);
        Some(())
    }
}
