//! `guest-network-get-interfaces` and `guest-network-get-route`.

use core::net::{IpAddr, Ipv4Addr};

use nanoqga::Failure;
use nanoqga::commands::network::{self, Destination};

use super::{add, element};
use crate::agent::Nanoqga;
use crate::callbacks::network::{Address, Interface, NetworkCallbacks};
use crate::guest::{Family, Guest};
use crate::status::Status;
use crate::text::from_c;

/// Adds the network family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanoqga_add_network(agent: *mut Nanoqga, callbacks: *const NetworkCallbacks) -> Status {
    let is_there = |callbacks: &NetworkCallbacks| [callbacks.interface.is_some(), callbacks.route.is_some()];
    // SAFETY: The caller's promise.
    unsafe {
        add(
            agent,
            Family::Network,
            callbacks,
            const { &[network::commands(), network::route_commands()] },
            is_there,
            |guest| &mut guest.network,
        )
    }
}

impl network::Interfaces for Guest {
    fn interface(&mut self, index: usize) -> Result<Option<network::Interface<'_>>, Failure> {
        // SAFETY: The kernel's callback, with its context.
        let interface = unsafe { element(self.network.interface, self.context, index) };
        Ok(interface.map(|Interface { name, has_hardware_address, hardware_address }| network::Interface {
            // SAFETY: The callback has left it NULL or set it to a text.
            name: unsafe { from_c(name) }.unwrap_or_default(),
            hardware_address: has_hardware_address.is_set().then_some(network::MacAddress(hardware_address)),
        }))
    }

    fn address(&mut self, interface: usize, index: usize) -> Option<network::Address> {
        let mut address = Address::default();
        // SAFETY: The kernel's callback, with its context, which may write the address.
        let there = unsafe { self.network.address?(self.context, interface, index, &raw mut address) };
        let found = network::Address { address: address.ip()?, prefix: address.prefix };
        there.is_set().then_some(found)
    }

    fn interface_statistics(&mut self, interface: usize) -> Option<network::InterfaceStatistics> {
        // SAFETY: The kernel's callback, with its context.
        let counted = unsafe { element(self.network.statistics, self.context, interface) }?;
        Some(network::InterfaceStatistics {
            rx_bytes: counted.rx_bytes,
            rx_packets: counted.rx_packets,
            rx_errs: counted.rx_errs,
            rx_dropped: counted.rx_dropped,
            tx_bytes: counted.tx_bytes,
            tx_packets: counted.tx_packets,
            tx_errs: counted.tx_errs,
            tx_dropped: counted.tx_dropped,
        })
    }
}

impl network::Routes for Guest {
    fn route(&mut self, index: usize) -> Result<Option<network::Route<'_>>, Failure> {
        // SAFETY: The kernel's callback, with its context.
        let Some(route) = (unsafe { element(self.network.route, self.context, index) }) else { return Ok(None) };
        let prefix = route.destination.prefix;
        let to = match (route.destination.ip(), route.gateway.ip()) {
            (Some(IpAddr::V4(network)), gateway) => {
                let mask = Ipv4Addr::from(u32::MAX.checked_shl(32u8.saturating_sub(prefix).into()).unwrap_or(0));
                let gateway = gateway.and_then(|gateway| if let IpAddr::V4(v4) = gateway { Some(v4) } else { None });
                Destination::V4 { network, mask, gateway }
            }
            (Some(IpAddr::V6(network)), gateway) => {
                let next_hop = gateway.and_then(|gateway| if let IpAddr::V6(v6) = gateway { Some(v6) } else { None });
                Destination::V6 { network, prefix, source: None, next_hop }
            }
            (None, _) => return Ok(None),
        };
        Ok(Some(network::Route {
            // SAFETY: The callback has left it NULL or set it to a text.
            interface: unsafe { from_c(route.interface) }.unwrap_or_default(),
            to,
            metric: route.metric,
            flags: None,
            references: None,
            uses: None,
            mtu: None,
            window: None,
            initial_rtt: None,
        }))
    }
}
