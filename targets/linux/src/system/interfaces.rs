//! Network interfaces: their addresses and counters.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nanoqga::Failure;
use nanoqga::commands::network::{Address, InterfaceStatistics, MacAddress};

use super::errno::failed;
use super::netlink::{Link, LinkAddress, Netlink};

/// An interface with all that is told of it.
#[derive(Debug, PartialEq)]
pub struct Interface {
    pub name: String,
    pub hardware_address: MacAddress,
    pub addresses: Vec<Address>,
    pub statistics: Option<InterfaceStatistics>,
}

/// All interfaces.
pub fn all(netlink: &mut Netlink) -> Result<Vec<Interface>, Failure> {
    let failed = |error| failed("getifaddrs failed", error);
    let (links, addresses) = (netlink.links().map_err(failed)?, netlink.addresses().map_err(failed)?);
    Ok(interfaces(links, addresses))
}

/// An interface for each link, and for each other label that addresses have. Only links with addresses have counters.
fn interfaces(links: Vec<Link>, addresses: Vec<LinkAddress>) -> Vec<Interface> {
    let gathered = |name: &str, link: &Link| Interface {
        name: name.to_string(),
        hardware_address: MacAddress(link.hardware_address),
        addresses: Vec::new(),
        statistics: None,
    };
    let mut interfaces: Vec<_> = links.iter().map(|link| gathered(&link.name, link)).collect();
    // The kernel tells of links in the order of their numbers, or nearly so.
    let mut places: Vec<(u32, usize)> = Vec::with_capacity(links.len());
    for (place, link) in links.iter().enumerate() {
        places.insert(places.partition_point(|(index, _)| *index < link.index), (link.index, place));
    }
    for LinkAddress { index, label, address, prefix } in addresses {
        let found = places.binary_search_by_key(&index, |(index, _)| *index).ok().and_then(|found| places.get(found));
        let Some((own, link)) = found.and_then(|(_, place)| Some((*place, links.get(*place)?))) else { continue };
        // Nearly all labels are the names of their links. Others may be the names of other links: they stay when one is renamed.
        let place = match label.as_deref().filter(|label| *label != link.name) {
            None => own,
            Some(label) => interfaces.iter().position(|interface| interface.name == label).unwrap_or_else(|| {
                interfaces.push(gathered(label, link));
                interfaces.len() - 1
            }),
        };
        if let Some(interface) = interfaces.get_mut(place) {
            interface.addresses.push(Address { address, prefix });
            interface.statistics = links.get(place).and_then(|link| link.statistics);
        }
    }
    interfaces
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;
    use std::vec;

    use super::*;

    #[test]
    fn a_label_of_an_address_is_an_interface_with_the_links_hardware_address() {
        let links = vec![
            Link {
                index: 2,
                name: "eth0".into(),
                hardware_address: [2; 6],
                statistics: Some(InterfaceStatistics::default()),
            },
            Link { index: 3, ..Link::default() },
        ];
        let at = |label: Option<&str>, index| LinkAddress {
            index,
            label: label.map(String::from),
            address: Ipv4Addr::new(10, 0, 0, 1).into(),
            prefix: 24,
        };
        let addresses = vec![at(None, 2), at(Some("eth0:1"), 2), at(None, 9), at(Some("eth0"), 2)];
        let interfaces = interfaces(links, addresses);
        let [eth0, other, alias] = interfaces.as_slice() else { panic!("{interfaces:?}") };
        assert_eq!((eth0.addresses.len(), eth0.statistics.is_some()), (2, true));
        assert_eq!((other.addresses.len(), other.statistics), (0, None));
        assert_eq!(
            (alias.name.as_str(), alias.hardware_address, alias.statistics),
            ("eth0:1", MacAddress([2; 6]), None)
        );
    }
}
