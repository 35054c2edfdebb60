//! The interfaces and routes of ArceOS' network stack.

use core::net::Ipv4Addr;

use ax_std::os::arceos::modules::ax_net;
use nanoqga::Failure;
use nanoqga::commands::network::{
    Address, Destination, Interface, InterfaceStatistics, Interfaces, MacAddress, Route, Routes,
};

use crate::kernel::Kernel;

impl Interfaces for Kernel {
    fn interface(&mut self, index: usize) -> Result<Option<Interface<'_>>, Failure> {
        if index == 0 {
            (self.interfaces, self.traffic) = (ax_net::interfaces(), ax_net::net_dev_stats());
        }
        Ok(self.interfaces.get(index).map(|interface| Interface {
            name: &interface.name,
            hardware_address: interface.mac.map(|mac| MacAddress(mac.0)),
        }))
    }

    /// ArceOS has one address for an interface.
    fn address(&mut self, interface: usize, index: usize) -> Option<Address> {
        let network = self.interfaces.get(interface)?.ipv4.filter(|_| index == 0)?.address;
        Some(Address { address: network.address().into(), prefix: network.prefix_len() })
    }

    fn interface_statistics(&mut self, interface: usize) -> Option<InterfaceStatistics> {
        let id = self.interfaces.get(interface)?.id;
        let traffic = self.traffic.iter().find(|traffic| traffic.interface_id == id)?;
        Some(InterfaceStatistics {
            rx_bytes: traffic.rx_bytes,
            rx_packets: traffic.rx_packets,
            rx_errs: traffic.rx_errors,
            rx_dropped: traffic.rx_dropped,
            tx_bytes: traffic.tx_bytes,
            tx_packets: traffic.tx_packets,
            tx_errs: traffic.tx_errors,
            tx_dropped: traffic.tx_dropped,
        })
    }
}

/// ArceOS tells its default routes. Besides it has one to the network of each address.
impl Routes for Kernel {
    fn route(&mut self, index: usize) -> Result<Option<Route<'_>>, Failure> {
        if index == 0 {
            (self.interfaces, self.default_routes) = (ax_net::interfaces(), ax_net::default_routes());
        }
        Ok(match index.checked_sub(self.default_routes.len()) {
            None => self.default_route(index),
            Some(index) => self.interfaces.iter().filter_map(route_to_network).nth(index),
        })
    }
}

impl Kernel {
    fn default_route(&self, index: usize) -> Option<Route<'_>> {
        let route = self.default_routes.get(index)?;
        let interface = self.interfaces.iter().find(|interface| interface.id == route.interface_id)?;
        let gateway = route.via.map(core::net::IpAddr::from).and_then(|address| match address {
            core::net::IpAddr::V4(address) => Some(address),
            core::net::IpAddr::V6(_) => None,
        });
        let everywhere = Ipv4Addr::UNSPECIFIED;
        Some(through(interface, Destination::V4 { network: everywhere, mask: everywhere, gateway }))
    }
}

fn route_to_network(interface: &ax_net::InterfaceInfo) -> Option<Route<'_>> {
    let network = interface.ipv4?.address;
    let (network, mask) = (network.network().address(), network.netmask());
    Some(through(interface, Destination::V4 { network, mask, gateway: None }))
}

fn through(interface: &ax_net::InterfaceInfo, to: Destination) -> Route<'_> {
    Route {
        interface: &interface.name,
        to,
        metric: interface.metric,
        mtu: u32::try_from(interface.mtu).ok(),
        flags: None,
        references: None,
        uses: None,
        window: None,
        initial_rtt: None,
    }
}
