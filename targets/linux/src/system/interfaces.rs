//! Network interfaces: their addresses from rtnetlink, their counters in procfs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nanoqga::Failure;
use nanoqga::commands::network::{Address, InterfaceStatistics, MacAddress};

use super::errno::failed;
use super::files::read_text;
use super::netlink::{Link, LinkAddress, addresses, links};

/// An interface with all that is told of it.
#[derive(Debug, PartialEq)]
pub struct Interface {
    pub name: String,
    pub hardware_address: MacAddress,
    pub addresses: Vec<Address>,
    pub statistics: Option<InterfaceStatistics>,
}

/// All interfaces.
pub fn all() -> Result<Vec<Interface>, Failure> {
    let failed = |error| failed("getifaddrs failed", error);
    let (links, addresses) = (links().map_err(failed)?, addresses().map_err(failed)?);
    Ok(interfaces(links, addresses, &read_text("/proc/net/dev").unwrap_or_default()))
}

/// An interface for each link, and for each other label that addresses have. Only those with addresses have counters.
fn interfaces(links: Vec<Link>, addresses: Vec<LinkAddress>, counters: &str) -> Vec<Interface> {
    let gathered = |name: &str, link: &Link| Interface {
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
pub fn statistics(line: &str, name: &str) -> Option<InterfaceStatistics> {
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

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;
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
}
