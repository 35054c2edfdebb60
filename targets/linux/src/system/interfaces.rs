//! `network`: interfaces and addresses from rtnetlink, their counters and the routes from procfs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use nanoqga::Failure;
use nanoqga::commands::network::{Address, Destination, Interface, InterfaceStatistics, MacAddress, Network, Route};
use rustix::io::Errno;

use super::Guest;
use super::errno::failed;
use super::listing::Listing;
use super::netlink::{Link, LinkAddress, addresses, links};
use super::system::read_text;

/// What was listed last.
#[derive(Debug, Default)]
pub struct Lists {
    interfaces: Listing<Gathered>,
    routes: Listing<(String, Route<'static>)>,
}

/// An interface with all that is told of it.
#[derive(Debug, PartialEq)]
struct Gathered {
    name: String,
    hardware_address: MacAddress,
    addresses: Vec<Address>,
    statistics: Option<InterfaceStatistics>,
}

impl Network for Guest {
    fn interface(&mut self, index: usize) -> Result<Option<Interface<'_>>, Failure> {
        let gather = || {
            let failed = |error| failed("getifaddrs failed", error);
            let (links, addresses) = (links().map_err(failed)?, addresses().map_err(failed)?);
            Ok(interfaces(links, addresses, &read_text("/proc/net/dev").unwrap_or_default()))
        };
        let interface = self.network.interfaces.element(index, gather)?;
        Ok(interface
            .map(|interface| Interface { name: &interface.name, hardware_address: Some(interface.hardware_address) }))
    }

    fn address(&mut self, interface: usize, index: usize) -> Option<Address> {
        self.network.interfaces.again(interface)?.addresses.get(index).copied()
    }

    fn interface_statistics(&mut self, interface: usize) -> Option<InterfaceStatistics> {
        self.network.interfaces.again(interface)?.statistics
    }

    fn route(&mut self, index: usize) -> Result<Option<Route<'_>>, Failure> {
        let route = self.network.routes.element(index, routes)?;
        Ok(route.map(|(interface, route)| Route { interface, ..*route }))
    }
}

/// An interface for each link, and for each other label that addresses have. Only those with addresses have counters.
fn interfaces(links: Vec<Link>, addresses: Vec<LinkAddress>, counters: &str) -> Vec<Gathered> {
    let gathered = |name: &str, link: &Link| Gathered {
        name: name.to_string(),
        hardware_address: MacAddress(link.hardware_address),
        addresses: Vec::new(),
        statistics: None,
    };
    let mut interfaces: Vec<_> = links.iter().map(|link| gathered(&link.name, link)).collect();
    for LinkAddress { index, label, address, prefix } in addresses {
        let Some(link) = links.iter().find(|link| link.index == index) else { continue };
        let name = label.as_deref().unwrap_or(&link.name);
        let known = interfaces.iter().position(|interface| interface.name == name);
        let place = known.unwrap_or_else(|| {
            interfaces.push(gathered(name, link));
            interfaces.len() - 1
        });
        if let Some(interface) = interfaces.get_mut(place) {
            interface.addresses.push(Address { address, prefix });
            interface.statistics = counters.lines().find_map(|line| statistics(line, name));
        }
    }
    interfaces
}

/// The line of `/proc/net/dev` that is about the interface `name`.
pub(super) fn statistics(line: &str, name: &str) -> Option<InterfaceStatistics> {
    let (found, counters) = line.rsplit_once(':')?;
    if found.trim_start() != name {
        return None;
    }
    let counters: Vec<u64> = counters.split_ascii_whitespace().map_while(|word| word.parse().ok()).collect();
    let [rx_bytes, rx_packets, rx_errs, rx_dropped, _, _, _, _, tx_bytes, tx_packets, tx_errs, tx_dropped, ..] =
        *counters
    else {
        return None;
    };
    Some(InterfaceStatistics { rx_bytes, rx_packets, rx_errs, rx_dropped, tx_bytes, tx_packets, tx_errs, tx_dropped })
}

/// The routes of both protocols, of which the kernel may have one only.
fn routes() -> Result<Vec<(String, Route<'static>)>, Failure> {
    let table = |path| match read_text(path) {
        Err(Errno::NOENT) => Ok(String::new()),
        outcome => outcome.map_err(|error| failed("failed to read the routes", error)),
    };
    let (v4, v6) = (table("/proc/net/route")?, table("/proc/net/ipv6_route")?);
    Ok(v4.lines().filter_map(route_v4).chain(v6.lines().filter_map(route_v6)).collect())
}

/// A line of `/proc/net/route`: addresses are hexadecimal, in the machine's order of bytes.
pub(super) fn route_v4(line: &str) -> Option<(String, Route<'static>)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [interface, network, gateway, flags, references, uses, metric, mask, mtu, window, rtt] = *words else {
        return None;
    };
    let address = |word| u32::from_str_radix(word, 16).ok().map(|bits| Ipv4Addr::from(bits.to_ne_bytes()));
    let to = Destination::V4 { network: address(network)?, mask: address(mask)?, gateway: Some(address(gateway)?) };
    let number = |word: &str| word.parse::<u32>().ok();
    let route = Route {
        interface: "",
        to,
        metric: number(metric)?,
        flags: Some(u64::from_str_radix(flags, 16).ok()?),
        references: Some(number(references)?),
        uses: Some(number(uses)?),
        mtu: Some(number(mtu)?),
        window: Some(number(window)?),
        initial_rtt: Some(number(rtt)?),
    };
    Some((interface.to_string(), route))
}

/// A line of `/proc/net/ipv6_route`: all numbers are hexadecimal.
pub(super) fn route_v6(line: &str) -> Option<(String, Route<'static>)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [network, prefix, source, source_prefix, next_hop, metric, references, uses, flags, interface] = *words else {
        return None;
    };
    let address = |word: &str| {
        let whole = (word.len() == 32).then_some(word)?;
        u128::from_str_radix(whole, 16).ok().map(Ipv6Addr::from_bits)
    };
    let bits = |word| u8::from_str_radix(word, 16).ok().filter(|bits| *bits <= 128);
    let number = |word| u32::from_str_radix(word, 16).ok();
    let to = Destination::V6 {
        network: address(network)?,
        prefix: bits(prefix)?,
        source: Some((address(source)?, bits(source_prefix)?)),
        next_hop: Some(address(next_hop)?),
    };
    let route = Route {
        interface: "",
        to,
        metric: number(metric)?,
        flags: Some(number(flags)?.into()),
        references: Some(number(references)?),
        uses: Some(number(uses)?),
        mtu: None,
        window: None,
        initial_rtt: None,
    };
    Some((interface.to_string(), route))
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    const DEV: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls\n    \
        lo:    6438      59    1    2    0     0          0         0     6439      60    3    4    0     0       0 0\n\
        eth0:7 8 0 0 0 0 0 0 9 10 0 0 0 0 0 0\n";

    #[test]
    fn counters_are_those_of_the_name_and_a_short_line_has_none() {
        let of = |name| DEV.lines().find_map(|line| statistics(line, name));
        let lo = of("lo").unwrap();
        assert_eq!((lo.rx_bytes, lo.rx_errs, lo.rx_dropped, lo.tx_bytes), (6438, 1, 2, 6439));
        assert_eq!((lo.tx_packets, lo.tx_errs, lo.tx_dropped), (60, 3, 4));
        assert_eq!(of("eth0").unwrap().tx_packets, 10);
        assert_eq!((of("eth"), of(""), statistics("lo: 1 2 3 4 5 6 7 8 9 10 11", "lo")), (None, None, None));
    }

    #[test]
    fn a_label_of_an_address_is_an_interface_with_the_links_hardware_address() {
        let links = vec![
            Link { index: 2, name: "eth0".into(), hardware_address: [2; 6] },
            Link { index: 3, ..Link::default() },
        ];
        let at = |label: Option<&str>, index| LinkAddress {
            index,
            label: label.map(String::from),
            address: Ipv4Addr::new(10, 0, 0, 1).into(),
            prefix: 24,
        };
        let interfaces = interfaces(links, vec![at(None, 2), at(Some("eth0:1"), 2), at(None, 9)], DEV);
        let [eth0, other, alias] = interfaces.as_slice() else { panic!("{interfaces:?}") };
        assert_eq!((eth0.addresses.len(), eth0.statistics.is_some()), (1, true));
        assert_eq!((other.addresses.len(), other.statistics), (0, None));
        assert_eq!(
            (alias.name.as_str(), alias.hardware_address, alias.statistics),
            ("eth0:1", MacAddress([2; 6]), None)
        );
    }

    #[test]
    fn routes_of_both_protocols_are_read() {
        let (interface, route) = route_v4("eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0  ").unwrap();
        let gateway = Some(Ipv4Addr::new(192, 0, 2, 1));
        let zero = Ipv4Addr::UNSPECIFIED;
        assert_eq!((interface.as_str(), route.metric, route.flags), ("eth0", 100, Some(3)));
        assert_eq!(route.to, Destination::V4 { network: zero, mask: zero, gateway });
        let line = "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 \
            fe800000000000000000000000000001 ffffffff 00000001 00000010 80200001     eth0";
        let (interface, route) = route_v6(line).unwrap();
        assert_eq!((interface.as_str(), route.metric, route.uses), ("eth0", u32::MAX, Some(16)));
        let Destination::V6 { network, prefix: 64, source: Some((_, 0)), next_hop: Some(next_hop) } = route.to else {
            panic!("{route:?}")
        };
        assert_eq!((network.to_string().as_str(), next_hop.to_string().as_str()), ("fd00::", "fe80::1"));
    }

    #[test]
    fn what_is_no_route_is_left_out() {
        let header = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
        for line in
            [header, "", "eth0 0 0 3 0 0 0 0 0 0", "eth0 100000000 0 3 0 0 0 0 0 0 0", "eth0 0 0 3 -1 0 0 0 0 0 0"]
        {
            assert_eq!(route_v4(line), None, "{line}");
        }
        let zero = "0".repeat(32);
        for line in [
            std::format!("{zero} 81 {zero} 00 {zero} 0 0 0 0 eth0"),
            std::format!("0 40 {zero} 00 {zero} 0 0 0 0 eth0"),
            std::format!("{zero}0 40 {zero} 00 {zero} 0 0 0 0 eth0"),
            std::format!("{zero} 40 {zero} 00 {zero} 0 0 0 0"),
        ] {
            assert_eq!(route_v6(&line), None, "{line}");
        }
    }
}
