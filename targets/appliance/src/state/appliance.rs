//! The appliance: a guest with state.

use machine::{Machine, PowerButton, log, monotonic_ns};
use nanoqga::commands::power;
use network::Settings;

use super::disks::Storage;
use super::hardware::Hardware;
use super::links::Links;
use crate::guest::{Guest, State};
use crate::load::Account;

/// Idle moments, of about a millisecond each.
const PATIENCE: u8 = 20;

/// What the appliance knows besides what its machine does.
#[derive(Debug)]
pub struct Appliance {
    pub(crate) hardware: Hardware,
    pub(crate) account: Account,
    pub(crate) storage: Storage,
    /// What the command line says of the network.
    networks: Settings,
    /// `None` until they are needed.
    pub(crate) links: Option<Links>,
    /// For how many idle moments a host's first request is waited for before the network and the clock are begun with: both
    /// take longer than an answer.
    patience: u8,
    /// The machine is to be suspended when all that was asked before is answered.
    pub(crate) to_suspend: bool,
}

impl Appliance {
    /// Finds the machine's parts and disks. Its network cards are found when there is time for them, or when somebody asks.
    pub fn find(machine: &Machine, networks: Settings) -> Self {
        Self {
            hardware: Hardware::find(machine),
            account: Account::default(),
            storage: Storage::find(machine),
            networks,
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
        if self.state.hardware.power_button.as_ref().is_some_and(PowerButton::take_press) {
            log!("the power button was pressed");
            if let Err(failure) = power::Power::shutdown(self, power::Shutdown::PowerDown) {
                log!("{}", failure.0);
            }
        }
        self.state.storage.acknowledge_interrupts();
        self.state.storage.write_back();
        self.state.patience == 0 && self.links().poll()
    }

    /// The network interfaces, found if they were not yet.
    pub(crate) fn links(&mut self) -> &mut Links {
        let Appliance { links, networks, .. } = &mut self.state;
        links.get_or_insert_with(|| Links::find(&self.machine, networks))
    }

    /// Sleeps until there is something to do, and puts that to the account.
    pub fn sleep(&mut self) {
        match self.state.patience.checked_sub(1) {
            Some(left) => {
                self.state.patience = left;
                self.state.hardware.doze(&self.machine);
            }
            None => self.sleep_at_most(u64::MAX),
        }
    }

    /// The same, but for no longer than `ns` nanoseconds.
    pub(crate) fn sleep_at_most(&mut self, ns: u64) {
        self.spend(true);
        match self.state.idle_ns().unwrap_or(u64::MAX).min(ns) {
            u64::MAX => self.machine.sleep(),
            ns => self.state.hardware.sleep_for(&self.machine, ns),
        }
        self.spend(!self.machine.can_sleep());
    }

    /// Puts the time since the last call to the account. `None` without a clock.
    pub(crate) fn spend(&mut self, awake: bool) -> Option<()> {
        self.state.account.spend(monotonic_ns()?, awake);
        Some(())
    }
}
