//! How an interface is to be configured: by the command line, or by the host.

use core::fmt;
use core::net::IpAddr;

use heapless::Vec;
use smoltcp::wire::{IpAddress, IpCidr, Ipv4Cidr};

use crate::frame::MAX_MTU;

/// The interfaces' names, in the order in which the cards are found.
pub const NAMES: [&str; 4] = ["eth0", "eth1", "eth2", "eth3"];

/// The shortest limit of a packet's length that hosts must bear (RFC 791, section 3.1).
const LEAST_MTU: u16 = 576;

/// Which interface is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one of this index into [`NAMES`].
    Name(usize),
    /// The one whose card has this hardware address.
    Mac([u8; 6]),
}

impl Which {
    /// A name, or a hardware address such as `52:54:00:12:34:56`.
    fn parse(text: &str) -> Option<Self> {
        if let Some(index) = NAMES.iter().position(|known| *known == text) {
            return Some(Self::Name(index));
        }
        let (mut mac, mut parts) = ([0; 6], text.split(':'));
        for byte in &mut mac {
            let &[high, low] = parts.next()?.as_bytes() else { return None };
            let digit = |digit: u8| char::from(digit).to_digit(16);
            *byte = (digit(high)? << 4 | digit(low)?) as u8;
        }
        parts.next().is_none().then_some(Self::Mac(mac))
    }

    /// Whether it is the interface of this index and hardware address.
    fn is(self, index: usize, mac: [u8; 6]) -> bool {
        self == Self::Name(index) || self == Self::Mac(mac)
    }
}

/// A word about an interface, which NAME or a hardware address names: `ip=NAME,dhcp`, `ip=NAME,slaac`, `ip=NAME,none`,
/// `ip=NAME,ADDRESS/PREFIX[,GATEWAY]`, `route=NAME,NETWORK/PREFIX,GATEWAY` or `mtu=NAME,BYTES`. A prefix is a number of bits or a
/// mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The interface.
    pub interface: Which,
    /// What it says of it.
    pub method: Method,
}

/// How an interface gets its address, or what else it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// IPv4 by DHCP, IPv6 from router advertisements.
    Dhcp,
    /// No IPv4 address but an assigned one, IPv6 from router advertisements.
    Slaac,
    /// It has none.
    None,
    /// This address. That of the other version stays.
    Static(Static),
    /// A network, and the router towards it.
    Route(IpCidr, IpAddress),
    /// The longest packet that it sends, in bytes: from 576 on, and no more than a frame has room for.
    Mtu(u16),
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
    /// A word of the command line; `None` if it is malformed, or about something else.
    pub fn parse(word: &str) -> Option<Self> {
        let (about, value) = word.split_once('=')?;
        let (name, value) = value.split_once(',')?;
        let method = match about {
            "ip" => address(value)?,
            "route" => route(value)?,
            "mtu" => Method::Mtu(value.parse().ok().filter(|mtu| (LEAST_MTU..=MAX_MTU as u16).contains(mtu))?),
            _ => return None,
        };
        Some(Self { interface: Which::parse(name)?, method })
    }
}

fn address(value: &str) -> Option<Method> {
    let (network, gateway) = match value.split_once(',') {
        Some((network, gateway)) => (network, Some(gateway.parse().ok()?)),
        None => match value {
            "dhcp" => return Some(Method::Dhcp),
            "slaac" => return Some(Method::Slaac),
            "none" => return Some(Method::None),
            network => (network, None),
        },
    };
    let (address, prefix) = network.split_once('/')?;
    let address = address.parse().ok()?;
    Some(Method::Static(Static::new(address, length(prefix, address)?.into(), gateway).ok()?))
}

/// The length of a prefix, which may be given as a mask.
fn length(prefix: &str, of: IpAddr) -> Option<u8> {
    let (ones, rest) = match (prefix.parse(), of) {
        (Ok(IpAddr::V4(mask)), IpAddr::V4(_)) => {
            let ones = mask.to_bits().leading_ones();
            (ones, mask.to_bits().checked_shl(ones).unwrap_or(0).into())
        }
        (Ok(IpAddr::V6(mask)), IpAddr::V6(_)) => {
            let ones = mask.to_bits().leading_ones();
            (ones, mask.to_bits().checked_shl(ones).unwrap_or(0))
        }
        _ => return prefix.parse().ok(),
    };
    (rest == 0).then_some(ones as u8)
}

fn route(value: &str) -> Option<Method> {
    let (network, gateway) = value.split_once(',')?;
    let (address, prefix) = network.split_once('/')?;
    let (address, gateway): (IpAddr, IpAddr) = (address.parse().ok()?, gateway.parse().ok()?);
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = length(prefix, address).filter(|prefix| *prefix <= longest)?;
    let is_router = is_hosts(gateway, IpCidr::new(gateway.into(), 32)) && gateway.is_ipv4() == address.is_ipv4();
    is_router.then(|| Method::Route(IpCidr::new(address.into(), prefix), gateway.into()))
}

/// How many words about interfaces are kept.
const MAX_WORDS: usize = 32;

/// The settings of a guest's interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(Vec<(Setting, u8), MAX_WORDS>);

impl Settings {
    /// Takes a word as in [`Setting`] and returns whether it is one, and there is room for it. There may be two with addresses for
    /// each interface, because it may have one of each version. `source` is a number of who says so. Those who may say more come
    /// first.
    pub fn take(&mut self, word: &str, source: u8) -> bool {
        Setting::parse(word).is_some_and(|setting| self.0.push((setting, source)).is_ok())
    }

    /// The methods for the interface of an index whose card has this hardware address, in their order. Only what the first source
    /// says of its addresses counts, and of its other settings likewise.
    pub fn methods(&self, index: usize, mac: [u8; 6]) -> Vec<Method, MAX_WORDS> {
        let own = self.0.iter().filter(|(setting, _)| setting.interface.is(index, mac));
        let is_first = |&&(setting, source): &&(Setting, u8)| {
            let first = own.clone().find(|(other, _)| other.method.is_address() == setting.method.is_address());
            first.is_some_and(|&(_, first)| first == source)
        };
        own.clone().filter(is_first).map(|(setting, _)| setting.method).collect()
    }
}

impl Method {
    /// Whether it says how the interface gets an address.
    pub(crate) const fn is_address(&self) -> bool {
        !matches!(self, Self::Route(..) | Self::Mtu(_))
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
        let setting = |interface, method| Some(Setting { interface: Which::Name(interface), method });
        let v4 = assigned("192.0.2.5", 24, Some("192.0.2.1")).unwrap();
        assert_eq!(Setting::parse("ip=eth0,192.0.2.5/24,192.0.2.1"), setting(0, Method::Static(v4)));
        let v6 = assigned("2001:db8::5", 64, Some("fe80::1")).unwrap();
        assert_eq!(Setting::parse("ip=eth3,2001:db8::5/64,fe80::1"), setting(3, Method::Static(v6)));
        let alone = assigned("10.0.0.1", 32, None).unwrap();
        assert_eq!(Setting::parse("ip=eth1,10.0.0.1/32"), setting(1, Method::Static(alone)));
        assert_eq!(Setting::parse("ip=eth0,192.0.2.5/255.255.255.0,192.0.2.1"), setting(0, Method::Static(v4)));
        assert_eq!(Setting::parse("ip=eth3,2001:db8::5/ffff:ffff:ffff:ffff::,fe80::1"), setting(3, Method::Static(v6)));
        assert_eq!(Setting::parse("ip=eth2,dhcp"), setting(2, Method::Dhcp));
        assert_eq!(Setting::parse("ip=eth0,none"), setting(0, Method::None));
    }

    #[test]
    fn settings_are_collected_and_other_words_are_not() {
        let mut settings = Settings::default();
        let words =
            ["ip=eth0,dhcp", "ip=eth0:dhcp", "ip=eth1,192.0.2.5/24", "ip=", "ip", "ip=eth9,none", "IP=eth0,dhcp"];
        assert_eq!(words.map(|word| settings.take(word, 0)), [true, false, true, false, false, false, false]);
        assert_eq!([0, 1, 2].map(|interface| settings.methods(interface, [0; 6]).len()), [1, 1, 0]);
        let mut full = Settings::default();
        assert_eq!((0..50).filter(|_| full.take("ip=eth0,none", 0)).count(), MAX_WORDS);
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
            "eth0,192.0.2.5/255.0.255.0",
            "eth0,192.0.2.5/ffff:ff00::",
            "52:54:00:12:34,dhcp",
            "52:54:00:12:34:56:78,dhcp",
            "52:54:00:12:34:+6,dhcp",
        ] {
            assert_eq!(Setting::parse(&std::format!("ip={word}")), None, "{word}");
        }
    }

    #[test]
    fn routes_and_sizes_of_packets_are_set_too() {
        let of = |word| Setting::parse(word).map(|setting| (setting.interface, setting.method));
        let mac = Which::Mac([0x52, 0x54, 0, 0x12, 0x34, 0xab]);
        let route = Method::Route("10.0.0.0/8".parse().unwrap(), "192.0.2.254".parse::<IpAddr>().unwrap().into());
        assert_eq!(of("route=52:54:00:12:34:AB,10.0.0.0/8,192.0.2.254"), Some((mac, route)));
        assert_eq!(of("mtu=eth1,1400"), Some((Which::Name(1), Method::Mtu(1400))));
        assert_eq!(of("ip=eth1,slaac"), Some((Which::Name(1), Method::Slaac)));
        for word in [
            "mtu=eth0,575",
            "mtu=eth0,1501",
            "mtu=eth0",
            "route=eth0,10.0.0.0/8",
            "route=eth0,10.0.0.0/33,192.0.2.1",
            "route=eth0,10.0.0.0/8,fe80::1",
            "route=eth0,10.0.0.0/8,224.0.0.1",
            "route=eth9,10.0.0.0/8,192.0.2.1",
        ] {
            assert_eq!(of(word), None, "{word}");
        }
    }

    #[test]
    fn the_first_source_counts_of_those_that_speak_of_an_interface() {
        const MAC: [u8; 6] = [0x52, 0x54, 0, 0, 0, 1];
        let mut settings = Settings::default();
        for (word, source) in [
            ("ip=52:54:00:00:00:01,192.0.2.5/24", 1),
            ("ip=eth0,dhcp", 2),
            ("mtu=eth0,1400", 2),
            ("route=eth0,10.0.0.0/8,192.0.2.1", 2),
            ("mtu=eth0,1300", 3),
            ("ip=eth1,none", 3),
        ] {
            assert!(settings.take(word, source), "{word}");
        }
        let methods = settings.methods(0, MAC);
        assert!(matches!(methods[..], [Method::Static(_), Method::Mtu(1400), Method::Route(..)]), "{methods:?}");
        assert_eq!(settings.methods(0, [0; 6])[0], Method::Dhcp, "another card is eth0");
        assert_eq!(settings.methods(1, [0; 6])[..], [Method::None]);
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
