//! The state of the appliance.

use machine::{Machine, PowerButton, log, monotonic_ns};
use nanoqga::commands::power;
use network::Settings;
use virtio_drivers::transport::DeviceType;

use super::disks::Storage;
use super::hardware::Hardware;
use super::links::Links;
use crate::guest::{Guest, State};
use crate::load::Account;

/// For how many idle moments, of about a millisecond each, the network waits for a host's first request.
const PATIENCE: u8 = 20;

/// What the appliance knows beside its machine.
#[derive(Debug)]
pub struct Appliance {
    /// The parts of the machine that nano does not drive.
    pub hardware: Hardware,
    pub(crate) account: Account,
    pub(crate) storage: Storage,
    /// The command line's words about the network.
    networks: Settings,
    /// `None` until they are needed.
    pub(crate) links: Option<Links>,
    /// How many idle moments are left before the network and the clock are set up. Both take longer than a reply, so a host's first
    /// request is given time to come before.
    patience: u8,
    /// Whether to suspend the machine when all earlier requests are answered.
    pub(crate) to_suspend: bool,
}

impl Appliance {
    /// Finds the machine's parts and disks. Its network cards are found later: when there is time, or when a request needs them.
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

    /// For how many nanoseconds the devices need nothing, unless they interrupt. `None`: for ever.
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
    /// Does what can be done without waiting, for all but the channels. Returns whether there was anything to do.
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

    /// The network interfaces. The first call finds them.
    pub(crate) fn links(&mut self) -> &mut Links {
        let Appliance { links, networks, .. } = &mut self.state;
        let host_name = self.host_name.as_deref().unwrap_or_default();
        links.get_or_insert_with(|| {
            let links = Links::find(&self.machine, networks, host_name);
            self.machine.log_unused(&[DeviceType::Console, DeviceType::Block, DeviceType::Network]);
            links
        })
    }

    /// Sleeps until there is something to do, and accounts that time.
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
        let sharpen_in = self.machine.clock().sharpen();
        match self.state.idle_ns().into_iter().chain(sharpen_in).chain([ns]).min().unwrap_or(ns) {
            u64::MAX => self.machine.sleep(),
            ns => self.state.hardware.sleep_for(&self.machine, ns),
        }
        self.spend(!self.machine.can_sleep());
    }

    /// Accounts the time since the last call. `None` without a clock.
    pub(crate) fn spend(&mut self, awake: bool) -> Option<()> {
        self.state.account.spend(monotonic_ns()?, awake);
        Some(())
    }
}
