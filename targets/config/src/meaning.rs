//! What the keys of files mean.

use crate::document::Step;
use heapless::String;

/// What a value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The guest's name.
    HostName,
    /// Words as on a command line.
    Words,
    /// The address of a name server.
    NameServer,
    /// An interface's name. Its hardware address says more.
    Name,
    /// An interface's hardware address.
    Mac,
    /// The longest packet of an interface.
    Mtu,
    /// Whether an interface asks for an address by DHCP.
    Dhcp,
    /// The kind of what the other keys beside it describe.
    Kind,
    /// An address, with its prefix or without.
    Address,
    /// The mask of an address, or its length.
    Mask,
    /// The router out of the network of an address.
    Gateway,
    /// The network that a route leads to, with its prefix or without.
    RouteTo,
    /// The mask of that, or its length.
    RouteMask,
    /// The router on the way there.
    RouteVia,
    /// The name by which networks refer to a link.
    Link,
    /// A reference to a link.
    OnLink,
}

use Meaning::{
    Address, Dhcp, Gateway, HostName, Kind, Link, Mac, Mask, Mtu, Name, NameServer, OnLink, RouteMask, RouteTo,
    RouteVia, Words,
};

/// The keys of each meaning: of NoCloud's `meta-data` and cloud-configs; of network configurations of version 1, which begin with
/// `config`, and 2, which begin with `ethernets`; and of OpenStack's files.
const KEYS: [(Meaning, &str); 16] = [
    (HostName, "local-hostname hostname"),
    (Words, "nanoqga meta.nanoqga"),
    (
        NameServer,
        "config.address config.subnets.dns_nameservers ethernets.nameservers.addresses services.address networks.services.address",
    ),
    (Name, "config.name ethernets.set-name"),
    (Mac, "config.mac_address ethernets.match.macaddress links.ethernet_mac_address"),
    (Mtu, "config.mtu ethernets.mtu links.mtu"),
    (Dhcp, "ethernets.dhcp4"),
    (Kind, "version config.type config.subnets.type networks.type services.type networks.services.type"),
    (Address, "config.subnets.address ethernets.addresses networks.ip_address"),
    (Mask, "config.subnets.netmask networks.netmask"),
    (Gateway, "config.subnets.gateway ethernets.gateway4 ethernets.gateway6 networks.gateway"),
    (
        RouteTo,
        "config.subnets.routes.network config.subnets.routes.destination ethernets.routes.to networks.routes.network",
    ),
    (RouteMask, "config.subnets.routes.netmask config.subnets.routes.prefix networks.routes.netmask"),
    (RouteVia, "config.subnets.routes.gateway ethernets.routes.via networks.routes.gateway"),
    (Link, "links.id"),
    (OnLink, "networks.link"),
];

/// The meaning of a value that these keys lead to.
pub(crate) fn meaning(keys: &str) -> Option<Meaning> {
    KEYS.iter().find_map(|(meaning, all)| all.split(' ').any(|one| one == keys).then_some(*meaning))
}

/// The names of the keys in a path, with dots between them. The name of an interface is left out.
pub(crate) fn keys(path: &[Step<'_>]) -> String<64> {
    let mut keys = String::new();
    for (place, step) in path.iter().enumerate() {
        if let Step::Key(key) = step
            && (place != 1 || keys != "ethernets")
        {
            // What does not fit is cut, and means nothing.
            let dot = if keys.is_empty() { "" } else { "." };
            _ = keys.push_str(dot).and_then(|()| keys.push_str(key));
        }
    }
    keys
}
