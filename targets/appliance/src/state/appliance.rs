//! The state of the appliance.

use machine::transport::Device;
#[cfg(all(feature = "xen", target_arch = "x86_64"))]
use machine::xen::{Domain, Wish};
use machine::{Hotplug, Machine, PowerButton, log, monotonic_ns};
use nanoqga::commands::power;
use virtio_drivers::transport::DeviceType;

use super::disks::Storage;
use super::hardware::Hardware;
use super::links::Links;
use crate::guest::{Guest, State};
use crate::load::Account;
use crate::policy;
use crate::settings::Settings;

/// The types of virtio devices that have a driver.
pub(crate) const DRIVEN: [DeviceType; 4] =
    [DeviceType::Console, DeviceType::Block, DeviceType::ScsiHost, DeviceType::Network];
/// The same if vsock is served.
const WITH_VSOCK: [DeviceType; 5] =
    [DeviceType::Console, DeviceType::Block, DeviceType::ScsiHost, DeviceType::Network, DeviceType::Socket];
/// For how many idle moments, of about a millisecond each, the network waits for a host's first request.
const PATIENCE: u8 = 20;

/// What the appliance knows beside its machine.
#[derive(Debug)]
pub struct Appliance {
    /// The parts of the machine that nano does not drive.
    pub hardware: Hardware,
    pub(crate) account: Account,
    pub(crate) storage: Storage,
    /// What the host has set.
    pub(crate) settings: Settings,
    /// The memory by way of which drives with settings are read. `None` when they are read.
    room: Option<&'static mut [u8]>,
    /// Whether the agent's commands do not follow the settings yet.
    pub(crate) has_news: bool,
    /// `None` until they are needed.
    pub(crate) links: Option<Links>,
    /// How many idle moments are left before the network and the clock are set up. Both take longer than a reply, so a host's first
    /// request is given time to come before.
    patience: u8,
    /// The slots of devices that come and leave. `None` until there was time to find them, and on a machine without any.
    pub(crate) hotplug: Option<Hotplug>,
    /// Whether the guest has slept since somebody asked.
    woken: bool,
    /// Whether to look at the slots at the next idle moment, also if nothing interrupts.
    pub(crate) must_look: bool,
    /// Whether a channel had something to do since this was last set back.
    pub(crate) has_served: bool,
    /// Whether to suspend the machine when all earlier requests are answered.
    pub(crate) to_suspend: bool,
}

impl Appliance {
    /// Finds the machine's parts and disks. Its network cards are found later: when there is time, or when a request needs them.
    /// So are drives with more settings, which are read by way of `room`.
    pub fn find(machine: &Machine, settings: Settings, room: &'static mut [u8]) -> Self {
        Self {
            hardware: Hardware::find(machine),
            account: Account::default(),
            storage: Storage::find(machine),
            settings,
            room: Some(room),
            has_news: false,
            links: None,
            patience: PATIENCE,
            hotplug: None,
            woken: false,
            must_look: false,
            has_served: false,
            to_suspend: false,
        }
    }

    /// Has the guest look for devices that came or shall leave before it sleeps: whoever writes to the registers of a slot may lose
    /// its interrupt.
    pub(crate) const fn look_again(&mut self) {
        self.must_look = true;
    }

    /// Uses a network card that came. If the others are not found yet, it will be found with them.
    pub(crate) fn add_card(&mut self, device: Device, host_name: &str) {
        let Self { links, settings, .. } = self;
        if let Some(links) = links {
            links.add(device, &settings.networks, host_name);
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

    fn before_name(guest: &mut Guest<Self>) {
        if guest.host_name.is_none() {
            guest.read_drives();
        }
    }

    fn has_news(&self) -> bool {
        self.has_news
    }

    fn served(&mut self) {
        self.has_served = true;
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
        #[cfg(all(feature = "xen", target_arch = "x86_64"))]
        self.grant_wish();
        self.state.storage.acknowledge_interrupts();
        self.state.storage.write_back();
        // The first time there is always something to do: to look for what came before.
        let is_first = self.state.links.is_none();
        self.state.patience == 0 && (self.links().poll() || is_first)
    }

    /// Does what Xen's tools wish.
    #[cfg(all(feature = "xen", target_arch = "x86_64"))]
    fn grant_wish(&mut self) {
        let how = match self.machine.domain().and_then(Domain::take_wish) {
            None => return,
            Some(Wish::PowerOff) => power::Shutdown::PowerDown,
            Some(Wish::Reboot) => power::Shutdown::Reboot,
        };
        if let Err(failure) = power::Power::shutdown(self, how) {
            log!("{}", failure.0);
        }
    }

    /// Reads the settings that are on drives, once.
    pub(crate) fn read_drives(&mut self) {
        let Appliance { storage, settings, room, has_news, .. } = &mut self.state;
        if let Some(room) = room.take() {
            let before = policy::lists(settings);
            storage.read_drives(room, settings);
            *has_news = policy::lists(settings) != before;
            self.host_name = settings.words.host_name.clone();
        }
    }

    /// The network interfaces. The first call finds them.
    pub(crate) fn links(&mut self) -> &mut Links {
        self.read_drives();
        let Appliance { links, settings, hotplug, must_look, .. } = &mut self.state;
        let host_name = self.host_name.as_deref().unwrap_or_default();
        links.get_or_insert_with(|| {
            let links = Links::find(&self.machine, &settings.networks, host_name);
            let driven = if settings.words.vsock.is_some() { &WITH_VSOCK[..] } else { &DRIVEN };
            self.machine.log_unused(driven);
            (*hotplug, *must_look) = (Hotplug::find(&self.machine), true);
            links
        })
    }

    /// Whether the guest has slept since this was last asked.
    pub const fn take_woken(&mut self) -> bool {
        core::mem::replace(&mut self.state.woken, false)
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
        self.state.woken = true;
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
