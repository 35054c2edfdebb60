//! How an interface is to be configured: by the command line, or by the host.

use core::fmt;
use core::net::IpAddr;

use heapless::Vec;
use smoltcp::wire::{IpAddress, IpCidr, Ipv4Cidr};

/// The interfaces' names, in the order in which the cards are found.
pub const NAMES: [&str; 4] = ["eth0", "eth1", "eth2", "eth3"];

/// `ip=NAME,dhcp`, `ip=NAME,none` or `ip=NAME,ADDRESS/PREFIX[,GATEWAY]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The interface, as an index into [`NAMES`].
    pub interface: usize,
    /// How it gets its address.
    pub method: Method,
}

/// How an interface gets its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// IPv4 by DHCP, IPv6 from router advertisements.
    Dhcp,
    /// It has none.
    None,
    /// This address. That of the other version stays.
    Static(Static),
}

/// An assigned address, and the router out of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Static {
    pub(crate) address: IpCidr,
    pub(crate) gateway: Option<IpAddress>,
}

/// Why an assignment is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The prefix is longer than an address of this version.
    Prefix,
    /// No host can have this address in a network of this prefix.
    Address,
    /// The gateway is no other host in the network of the address.
    Gateway,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prefix => "the prefix must be from 1 to 32, or to 128 for an IPv6 address",
            Self::Address => "the address is none that a host can have in a network of this prefix",
            Self::Gateway => "the gateway is no other host in the network of the address",
        })
    }
}

impl Static {
    /// `address` in a network of `prefix` bits, with a router that is in the same network or, for IPv6, has a link-local
    /// address. The router of a network of one host, such as 192.0.2.5/32, is a neighbour with any address.
    ///
    /// # Errors
    /// If no host can have these. The error says which is wrong.
    pub fn new(address: IpAddr, prefix: i64, gateway: Option<IpAddr>) -> Result<Self, Invalid> {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = u8::try_from(prefix).ok().filter(|prefix| (1..=longest).contains(prefix));
        let prefix = prefix.ok_or(Invalid::Prefix)?;
        let network = IpCidr::new(address.into(), prefix);
        // An interface always has a link-local address, which it makes itself.
        if !is_hosts(address, network) || is_link_local(address) {
            return Err(Invalid::Address);
        }
        if let Some(gateway) = gateway {
            let reachable = gateway.is_ipv4() == address.is_ipv4()
                && (network.contains_addr(&gateway.into()) || is_link_local(gateway) || prefix == longest)
                && gateway != address
                && is_hosts(gateway, network);
            if !reachable {
                return Err(Invalid::Gateway);
            }
        }
        Ok(Self { address: network, gateway: gateway.map(IpAddress::from) })
    }
}

/// Whether a host in `network` can have an address: a unicast address, and not the network's first or last.
fn is_hosts(address: IpAddr, network: IpCidr) -> bool {
    let reserved = match (address, network) {
        (IpAddr::V4(address), IpCidr::Ipv4(network)) => {
            let first = Ipv4Cidr::new(address, network.prefix_len()).network().address();
            address.is_broadcast()
                || network.prefix_len() < 31 && (address == first || network.broadcast() == Some(address))
        }
        _ => false,
    };
    !(reserved || address.is_unspecified() || address.is_multicast() || address.is_loopback())
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

impl Setting {
    /// The value of a word of the command line; `None` if it is malformed.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(',');
        let name = parts.next()?;
        let interface = NAMES.iter().position(|known| *known == name)?;
        let method = match parts.next()? {
            "dhcp" => Method::Dhcp,
            "none" => Method::None,
            network => {
                let (address, prefix) = network.split_once('/')?;
                let gateway = parts.next().map(|gateway| gateway.parse().ok()).map_or(Some(None), |it| it.map(Some))?;
                Method::Static(Static::new(address.parse().ok()?, prefix.parse().ok()?, gateway).ok()?)
            }
        };
        parts.next().is_none().then_some(Self { interface, method })
    }
}

/// The settings of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(Vec<Setting, 8>);

impl Settings {
    /// Takes a word of the command line and returns whether it is about an interface: `ip=NAME,...`, as in [`Setting`]. There may
    /// be two for each interface, because it may have an address of each version.
    pub fn take(&mut self, word: &str) -> bool {
        let setting = word.strip_prefix("ip=").and_then(Setting::parse);
        setting.is_some_and(|setting| self.0.push(setting).is_ok())
    }

    /// The methods for the interface of an index, in their order.
    pub fn methods(&self, interface: usize) -> Vec<Method, 8> {
        self.0.iter().filter(|setting| setting.interface == interface).map(|setting| setting.method).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(address: &str, prefix: i64, gateway: Option<&str>) -> Result<Static, Invalid> {
        let gateway = gateway.map(|gateway| gateway.parse().unwrap());
        Static::new(address.parse().unwrap(), prefix, gateway)
    }

    #[test]
    fn a_word_says_how_an_interface_comes_to_an_address() {
        let setting = |interface, method| Some(Setting { interface, method });
        let v4 = assigned("192.0.2.5", 24, Some("192.0.2.1")).unwrap();
        assert_eq!(Setting::parse("eth0,192.0.2.5/24,192.0.2.1"), setting(0, Method::Static(v4)));
        let v6 = assigned("2001:db8::5", 64, Some("fe80::1")).unwrap();
        assert_eq!(Setting::parse("eth3,2001:db8::5/64,fe80::1"), setting(3, Method::Static(v6)));
        let alone = assigned("10.0.0.1", 32, None).unwrap();
        assert_eq!(Setting::parse("eth1,10.0.0.1/32"), setting(1, Method::Static(alone)));
        assert_eq!(Setting::parse("eth2,dhcp"), setting(2, Method::Dhcp));
        assert_eq!(Setting::parse("eth0,none"), setting(0, Method::None));
    }

    #[test]
    fn settings_are_collected_and_other_words_are_not() {
        let mut settings = Settings::default();
        let words =
            ["ip=eth0,dhcp", "ip=eth0:dhcp", "ip=eth1,192.0.2.5/24", "ip=", "ip", "ip=eth9,none", "IP=eth0,dhcp"];
        assert_eq!(words.map(|word| settings.take(word)), [true, false, true, false, false, false, false]);
        assert_eq!([0, 1, 2].map(|interface| settings.methods(interface).len()), [1, 1, 0]);
        let mut full = Settings::default();
        assert_eq!((0..10).filter(|_| full.take("ip=eth0,none")).count(), 8);
    }

    #[test]
    fn malformed_words_are_refused() {
        for word in [
            "",
            ",",
            "eth0",
            "eth0,",
            "eth4,dhcp",
            "eth00,dhcp",
            "lo,dhcp",
            "eth0,DHCP",
            "eth0,dhcp,",
            "eth0,none,192.0.2.1",
            "eth0,192.0.2.5",
            "eth0,192.0.2.5/",
            "eth0,192.0.2.5/x",
            "eth0,192.0.2.5/33",
            "eth0,192.0.2/24",
            "eth0,192.0.2.5/24,",
            "eth0,192.0.2.5/24,router",
            "eth0,192.0.2.5/24,192.0.2.1,",
            "eth0,2001:db8::5/129",
            "eth0,192.0.2.5/24,192.0.3.1",
            "eth0,192.0.2.5/99999999999999999999",
            "eth0:192.0.2.5/24",
        ] {
            assert_eq!(Setting::parse(word), None, "{word}");
        }
    }

    #[test]
    fn what_no_host_can_have_is_refused_by_its_name() {
        for (address, prefix) in [("192.0.2.5", 0), ("192.0.2.5", 33), ("192.0.2.5", -1), ("2001:db8::5", 129)] {
            assert_eq!(assigned(address, prefix, None), Err(Invalid::Prefix), "{address}/{prefix}");
        }
        for (address, prefix) in [
            ("0.0.0.0", 8),
            ("127.0.0.1", 8),
            ("224.0.0.1", 24),
            ("255.255.255.255", 32),
            ("192.0.2.0", 24),
            ("192.0.2.255", 24),
            ("::", 64),
            ("::1", 128),
            ("ff02::1", 64),
            ("fe80::5", 64),
        ] {
            assert_eq!(assigned(address, prefix, None), Err(Invalid::Address), "{address}/{prefix}");
        }
        for gateway in ["192.0.3.1", "192.0.2.5", "192.0.2.0", "192.0.2.255", "0.0.0.0", "2001:db8::1", "fe80::1"] {
            assert_eq!(assigned("192.0.2.5", 24, Some(gateway)), Err(Invalid::Gateway), "{gateway}");
        }
        assert!(assigned("2001:db8::5", 64, Some("2001:db8:1::1")).is_err());
        assert!(assigned("95.1.2.3", 32, Some("172.31.1.1")).is_ok(), "the only host of its network");
        assert!(assigned("95.1.2.3", 32, Some("95.1.2.3")).is_err());
        assert!(assigned("95.1.2.3", 32, Some("224.0.0.1")).is_err());
        assert!(assigned("192.0.2.0", 31, Some("192.0.2.1")).is_ok(), "both ends of a point-to-point link are hosts");
    }
}
