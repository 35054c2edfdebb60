//! The appliance's network interfaces.

use heapless::Vec;
use machine::virtio_net::NetworkCard;
use machine::{Machine, heap, log, monotonic_ns, timestamp};
use network::{Instant, Link, NAMES, Settings};
use virtio_drivers::transport::DeviceType;

use super::virtio_card::VirtioCard;

/// The network interfaces, in the order of [`NAMES`].
#[derive(Debug)]
pub struct Links(pub(crate) Vec<&'static mut Link<VirtioCard>, { NAMES.len() }>);

impl Links {
    /// Finds the machine's network cards, and configures their links as `networks` says. DHCP servers are told `host_name`,
    /// unless it is empty.
    pub(crate) fn find(machine: &Machine, networks: &Settings, host_name: &str) -> Self {
        let mut links = Vec::new();
        machine.devices(DeviceType::Network, |device| {
            let Some(name) = NAMES.get(links.len()) else { return };
            match NetworkCard::new(device.transport) {
                Ok((card, mac)) => match new_link(VirtioCard(card), mac, links.len(), networks, host_name) {
                    // There is room: it has a name.
                    Some(link) => _ = links.push(link),
                    None => log!("no memory for {}", *name),
                },
                Err(error) => log!("network card: {}", error.reason()),
            }
        });
        Self(links)
    }

    /// Does what can be done without waiting. Returns whether there was anything to do.
    pub(crate) fn poll(&mut self) -> bool {
        let now = now();
        let busy = self.0.iter_mut().zip(NAMES).map(|(link, name)| {
            let busy = link.poll(now);
            if link.take_duplicate().is_some() {
                log!("{}: another host has the same IPv6 address, which is given up", name);
            }
            busy
        });
        // All are polled, also after one that was busy.
        busy.fold(false, |any, busy| any | busy)
    }

    /// Stops the cards before the machine sleeps.
    pub(crate) fn suspend(&mut self) {
        self.0.iter_mut().for_each(|link| link.card().0.suspend());
    }

    /// Sets the cards up again. The addresses stay.
    pub(crate) fn resume(&mut self) {
        self.0.iter_mut().for_each(|link| link.card().0.resume());
    }

    /// For how many nanoseconds the cards need nothing, unless one interrupts. `None`: for ever.
    pub(crate) fn idle_ns(&mut self) -> Option<u64> {
        if self.0.is_empty() {
            return None;
        }
        let now = now();
        let idle = self.0.iter_mut().filter_map(|link| link.idle(now)).min()?;
        Some(idle.total_micros().saturating_mul(1000))
    }
}

fn new_link(
    card: VirtioCard,
    mac: [u8; 6],
    index: usize,
    networks: &Settings,
    host_name: &str,
) -> Option<&'static mut Link<VirtioCard>> {
    let methods = networks.methods(index, mac);
    Some(heap::room_for()?.write(Link::new(card, mac, timestamp(), &methods, host_name)))
}

/// The time for the interfaces. Without a clock it is always 0: such a guest answers, but sends nothing again.
pub(crate) fn now() -> Instant {
    Instant::from_micros((monotonic_ns().unwrap_or(0) / 1000) as i64)
}
