//! The appliance's network interfaces.

use machine::transport::Device;
use machine::virtio_net::NetworkCard;
use machine::{Machine, log, monotonic_ns, timestamp};
use network::{Instant, Link, NAMES, Settings};
use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::numbered::Numbered;
use super::virtio_card::VirtioCard;

/// The network interfaces, by their numbers in [`NAMES`].
#[derive(Debug)]
pub struct Links(pub(crate) Numbered<Link<VirtioCard>, { NAMES.len() }>);

impl Links {
    /// Finds the machine's network cards, and configures their links as `networks` says. DHCP servers are told `host_name`,
    /// unless it is empty.
    pub(crate) fn find(machine: &Machine, networks: &Settings, host_name: &str) -> Self {
        let mut links = Self(Numbered::new());
        machine.devices(DeviceType::Network, &mut |device| links.add(device, networks, host_name));
        links
    }

    /// Adds a network card. It has the name that the first free number stands for.
    // Kept whole: the images are smaller so.
    #[inline(never)]
    pub(crate) fn add(&mut self, device: Device, networks: &Settings, host_name: &str) {
        let Some(number) = self.0.next_number() else {
            return log!("network card: not used: there are more than {}", NAMES.len());
        };
        let name = NAMES.get(number).copied().unwrap_or_default();
        match NetworkCard::new(device.transport) {
            Ok((driver, mac)) => {
                let card = VirtioCard { driver, pci: device.pci };
                let link = Link::new(card, mac, timestamp(), &networks.methods(number, mac), host_name);
                if self.0.add(link).is_none() {
                    log!("no memory for {}", name);
                }
            }
            Err(error) => log!("network card: {}", error.reason()),
        }
    }

    /// Drops those whose cards `keep` does not keep.
    pub(crate) fn retain(&mut self, keep: &dyn Fn(DeviceFunction) -> bool) {
        self.0.retain(|number, link| {
            let is_kept = link.card().pci.is_none_or(keep);
            if !is_kept {
                log!("{} was removed", NAMES.get(number).copied().unwrap_or_default());
            }
            is_kept
        });
    }

    /// Does what can be done without waiting. Returns whether there was anything to do.
    pub(crate) fn poll(&mut self) -> bool {
        let now = now();
        let mut any = false;
        // All are polled, also after one that was busy.
        for (number, link) in self.0.iter_mut() {
            any |= link.poll(now);
            if link.take_duplicate().is_some() {
                let name = NAMES.get(number).copied().unwrap_or_default();
                log!("{}: another host has the same IPv6 address, which is given up", name);
            }
        }
        any
    }

    /// Stops the cards before the machine sleeps.
    pub(crate) fn suspend(&mut self) {
        self.0.iter_mut().for_each(|(_, link)| link.card().driver.suspend());
    }

    /// Sets the cards up again. The addresses stay.
    pub(crate) fn resume(&mut self) {
        self.0.iter_mut().for_each(|(_, link)| link.card().driver.resume());
    }

    /// For how many nanoseconds the cards need nothing, unless one interrupts. `None`: for ever.
    pub(crate) fn idle_ns(&mut self) -> Option<u64> {
        let now = now();
        let idle = self.0.iter_mut().filter_map(|(_, link)| link.idle(now)).min()?;
        Some(idle.total_micros().saturating_mul(1000))
    }
}

/// The time for the interfaces. Without a clock it is always 0: such a guest answers, but sends nothing again.
pub(crate) fn now() -> Instant {
    Instant::from_micros((monotonic_ns().unwrap_or(0) / 1000) as i64)
}
