//! Answers about the appliance's network interfaces, and the command by which a host configures one.

use core::net::IpAddr;

use machine::monotonic_ns;
use nanoqga::commands::network::{
    self as commands, Destination, Interface, InterfaceStatistics, Interfaces, MacAddress, Routes,
};
use nanoqga::{Command, Error, Failure, Reply, Request, Step, Text};
use network::{Duration, Invalid, IpAddress, IpCidr, Link, NAMES, Route, Static, Statistics};

use crate::guest::Guest;
use crate::state::Appliance;
use crate::state::VirtioCard;
use crate::state::links::now;

/// How long a request waits for a DHCP server.
const DHCP_LIMIT: Duration = Duration::from_secs(10);

// Flags of routes. The protocol has Linux's (uapi/linux/route.h).
const RTF_UP: u64 = 1;
const RTF_GATEWAY: u64 = 2;
const RTF_HOST: u64 = 4;

/// The appliance's own command.
pub const CONFIGURE: &[Command<Guest<Appliance>>] = &[Command::new("nanoqga-network-configure", configure)];

impl Guest<Appliance> {
    /// The `index`-th of those that are there.
    fn link(&mut self, index: usize) -> Option<(&'static str, &mut Link<VirtioCard>)> {
        let (number, link) = self.links().0.iter_mut().nth(index)?;
        Some((NAMES.get(number)?, link))
    }

    /// The one of this number, as in [`NAMES`].
    fn numbered_link(&mut self, number: usize) -> Option<&mut Link<VirtioCard>> {
        self.links().0.get_mut(number)
    }
}

impl Interfaces for Guest<Appliance> {
    fn interface(&mut self, index: usize) -> Result<Option<Interface<'_>>, Failure> {
        let link = self.link(index);
        Ok(link.map(|(name, link)| Interface { name, hardware_address: Some(MacAddress(link.mac())) }))
    }

    fn address(&mut self, interface: usize, index: usize) -> Option<commands::Address> {
        let address = self.link(interface)?.1.address(index)?;
        Some(commands::Address { address: address.address().into(), prefix: address.prefix_len() })
    }

    fn interface_statistics(&mut self, interface: usize) -> Option<InterfaceStatistics> {
        let Statistics { rx_bytes, rx_packets, rx_errs, rx_dropped, tx_bytes, tx_packets } =
            self.link(interface)?.1.statistics();
        Some(InterfaceStatistics {
            rx_bytes,
            rx_packets,
            rx_errs,
            rx_dropped,
            tx_bytes,
            tx_packets,
            ..InterfaceStatistics::default()
        })
    }
}

impl Routes for Guest<Appliance> {
    fn route(&mut self, mut index: usize) -> Result<Option<commands::Route<'_>>, Failure> {
        for (number, link) in self.links().0.iter_mut() {
            match link.route(index) {
                Ok(route) => return Ok(NAMES.get(number).map(|name| told(name, route))),
                Err(routes) => index -= routes,
            }
        }
        Ok(None)
    }
}

/// A route as the protocol describes it. smoltcp has no metrics and no counters.
fn told(interface: &str, Route { network, gateway }: Route) -> commands::Route<'_> {
    let (to, longest) = match (network, gateway) {
        (IpCidr::Ipv4(network), gateway) => {
            let gateway = match gateway {
                Some(IpAddress::Ipv4(gateway)) => Some(gateway),
                _ => None,
            };
            (Destination::V4 { network: network.address(), mask: network.netmask(), gateway }, 32)
        }
        (IpCidr::Ipv6(network), gateway) => {
            let next_hop = match gateway {
                Some(IpAddress::Ipv6(gateway)) => Some(gateway),
                _ => None,
            };
            let (network, prefix) = (network.address(), network.prefix_len());
            (Destination::V6 { network, prefix, source: None, next_hop }, 128)
        }
    };
    let host = if network.prefix_len() == longest { RTF_HOST } else { 0 };
    let flags = RTF_UP | host | if gateway.is_some() { RTF_GATEWAY } else { 0 };
    commands::Route {
        interface,
        to,
        metric: 0,
        flags: Some(flags),
        references: None,
        uses: None,
        mtu: None,
        window: None,
        initial_rtt: None,
    }
}

/// Gives a network interface an address. The reply is sent when the interface has it.
///
/// - `name`: a string such as `eth0`
/// - `dhcp` (optional): a boolean, whether a DHCP server gives the address; default false
/// - `address` (optional): a string, the address, without `dhcp`. It takes the place of the one of that version
/// - `prefix` (optional): an integer, how many bits of the address are its network's
/// - `gateway` (optional): a string, the address of the network's router
///
/// Errors: no such interface, an address of no use, no DHCP server that answers within 10 seconds. The interface stays as it was.
fn configure(guest: &mut Guest<Appliance>, request: &mut Request<'_>, _: &mut Reply<'_>) -> Result<Step, Error> {
    let mut arguments = request.arguments();
    let name: Text<'_> = arguments.required("name")?;
    let dhcp: Option<bool> = arguments.optional("dhcp")?;
    let address: Option<Text<'_>> = arguments.optional("address")?;
    let prefix: Option<i64> = arguments.optional("prefix")?;
    let gateway: Option<Text<'_>> = arguments.optional("gateway")?;
    arguments.finish()?;

    let name = name.copy_to(&mut [0; 8]).and_then(|name| NAMES.iter().position(|known| *known == name));
    let index = name.filter(|&number| guest.numbered_link(number).is_some());
    let index = index.ok_or(Failure("there is no interface of this 'name'"))?;
    match (dhcp.unwrap_or(false), address, prefix) {
        (true, None, None) if gateway.is_none() => guest.wait_for_lease(index)?,
        (true, ..) => {
            return Err(Failure("with 'dhcp' there is no 'address', 'prefix' or 'gateway' to be given").into());
        }
        (false, Some(address), Some(prefix)) => {
            let address = parsed(address).ok_or(Failure("'address' is no IP address"))?;
            let gateway = gateway.map(|gateway| parsed(gateway).ok_or(Failure("'gateway' is no IP address")));
            let assigned = Static::new(address, prefix, gateway.transpose()?).map_err(failure)?;
            if let Some(link) = guest.numbered_link(index) {
                link.assign(assigned);
            }
        }
        (false, Some(_), None) => return Err(Failure("'address' needs a 'prefix'").into()),
        (false, None, _) => return Err(Failure("either 'dhcp' must be true, or an 'address' be given").into()),
    }
    Ok(Step::Done)
}

/// The text for an assignment that no host can have. It names the wrong argument.
const fn failure(error: Invalid) -> Failure {
    Failure(match error {
        Invalid::Prefix => "'prefix' must be from 1 to 32, or to 128 for an IPv6 'address'",
        Invalid::Address => "'address' is none that a host can have in a network of this 'prefix'",
        Invalid::Gateway => "'gateway' is no other host in the network of 'address'",
    })
}

fn parsed(address: Text<'_>) -> Option<IpAddr> {
    // The longest address has 45 bytes: an IPv6 one that ends in an IPv4 one.
    address.copy_to(&mut [0; 45])?.parse().ok()
}

impl Guest<Appliance> {
    /// Waits until the interface has a lease, for a limited time, because no channel is served meanwhile.
    fn wait_for_lease(&mut self, index: usize) -> Result<(), Failure> {
        monotonic_ns().ok_or(Failure("this machine has no clock to wait for DHCP by"))?;
        let had_dhcp = self.numbered_link(index).is_some_and(|link| link.has_dhcp());
        let deadline = now() + DHCP_LIMIT;
        while let Some(link) = self.numbered_link(index)
            && now() < deadline
        {
            if link.has_lease() {
                return Ok(());
            }
            link.start_dhcp();
            if !self.links().poll() {
                self.sleep_at_most((deadline - now()).total_micros() * 1000);
            }
        }
        if let Some(link) = self.numbered_link(index).filter(|_| !had_dhcp) {
            link.stop_dhcp();
        }
        Err(Failure("no DHCP server gave a lease within 10 seconds; the interface is as it was"))
    }
}
