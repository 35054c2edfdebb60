//! `guest-network-get-interfaces` and `guest-network-get-route`.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::Range;

use serde::{Serialize, Serializer};

use super::parts::{list_in_parts, list_member};
use crate::command::{Command, Request};
use crate::error::{Error, Failure};
use crate::reply::{Reply, Step};

/// A network interface: QEMU's `GuestNetworkInterface` without its addresses and statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Interface<'a> {
    /// The name, such as `eth0`.
    pub name: &'a str,
    /// The hardware address. Proxmox shows no addresses of an interface without one.
    pub hardware_address: Option<MacAddress>,
}

/// An EUI-48 address, sent as six pairs of hexadecimal digits with colons between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl Serialize for MacAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// How many bits of it are the network's: at most 32 or 128.
    pub prefix: u8,
}

/// QEMU's `GuestIpAddress`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct WireAddress {
    ip_address: AddressText,
    ip_address_type: &'static str,
    prefix: u8,
}

impl From<Address> for WireAddress {
    fn from(Address { address, prefix }: Address) -> Self {
        let ip_address_type = if address.is_ipv4() { "ipv4" } else { "ipv6" };
        Self { ip_address: AddressText(address), ip_address_type, prefix }
    }
}

/// An address as text (RFC 5952). The linker can see core's own text of one panic.
struct AddressText(IpAddr);

impl fmt::Display for AddressText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match self.0 {
            IpAddr::V4(address) => return write_v4(f, address),
            IpAddr::V6(address) => address,
        };
        if let Some(mapped) = address.to_ipv4_mapped() {
            f.write_str("::ffff:")?;
            return write_v4(f, mapped);
        }
        let zeros = longest_zeros(address.segments());
        for (index, segment) in address.segments().into_iter().enumerate() {
            if zeros.contains(&index) {
                f.write_str(if index == zeros.start { "::" } else { "" })?;
            } else {
                f.write_str(if index == 0 || index == zeros.end { "" } else { ":" })?;
                write!(f, "{segment:x}")?;
            }
        }
        Ok(())
    }
}

fn write_v4(f: &mut fmt::Formatter<'_>, address: Ipv4Addr) -> fmt::Result {
    let [a, b, c, d] = address.octets();
    write!(f, "{a}.{b}.{c}.{d}")
}

/// The first of the longest runs of zeros, if it is worth shortening.
fn longest_zeros(segments: [u16; 8]) -> Range<usize> {
    let (mut run, mut longest) = (0..0, 0..0);
    for (index, _) in segments.into_iter().enumerate().filter(|(_, segment)| *segment == 0) {
        let start = if run.end == index { run.start } else { index };
        run = start..index + 1;
        if run.len() > longest.len() {
            longest = run.clone();
        }
    }
    if longest.len() > 1 { longest } else { 0..0 }
}

impl Serialize for AddressText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What went through an interface: QEMU's `GuestNetworkInterfaceStat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InterfaceStatistics {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets that came in broken.
    pub rx_errs: u64,
    /// Packets that came in and were dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets that could not be sent.
    pub tx_errs: u64,
    /// Packets that were dropped before they were sent.
    pub tx_dropped: u64,
}

/// A route: QEMU's `GuestNetworkRoute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The name of the interface that it goes through.
    pub interface: &'a str,
    /// Where it leads.
    pub to: Destination,
    /// What it costs: of two routes to one destination the lower is taken.
    pub metric: u32,
    /// The kernel's flags (Linux `RTF_`).
    pub flags: Option<u64>,
    /// How many times it is referred to.
    pub references: Option<u32>,
    /// How many times it was looked up.
    pub uses: Option<u32>,
    /// The largest packet, in bytes.
    pub mtu: Option<u32>,
    /// TCP's window, in bytes.
    pub window: Option<u32>,
    /// TCP's initial round-trip time, in milliseconds.
    pub initial_rtt: Option<u32>,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An IPv4 network.
    V4 {
        /// Its first address.
        network: Ipv4Addr,
        /// Its mask.
        mask: Ipv4Addr,
        /// The router towards it, if it is not on the link.
        gateway: Option<Ipv4Addr>,
    },
    /// An IPv6 network.
    V6 {
        /// Its first address.
        network: Ipv6Addr,
        /// How many bits the network has: at most 128.
        prefix: u8,
        /// The network that packets must come from, and its bits.
        source: Option<(Ipv6Addr, u8)>,
        /// The router towards it, if it is not on the link.
        next_hop: Option<Ipv6Addr>,
    },
}

/// What `guest-network-get-interfaces` needs of its guest.
pub trait Interfaces {
    /// The `index`-th interface, if there are as many.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn interface(&mut self, index: usize) -> Result<Option<Interface<'_>>, Failure>;

    /// The `index`-th address of the `interface`-th interface.
    fn address(&mut self, interface: usize, index: usize) -> Option<Address>;

    /// What went through the `interface`-th interface, if it counts.
    fn interface_statistics(&mut self, interface: usize) -> Option<InterfaceStatistics>;
}

/// What `guest-network-get-route` needs of its guest.
pub trait Routes {
    /// The `index`-th route, if there are as many.
    ///
    /// # Errors
    /// If the guest cannot tell.
    fn route(&mut self, index: usize) -> Result<Option<Route<'_>>, Failure>;
}

/// `guest-network-get-interfaces`.
#[must_use]
pub const fn commands<G: Interfaces>() -> &'static [Command<G>] {
    const { &[Command::new("guest-network-get-interfaces", interfaces)] }
}

/// `guest-network-get-route`.
#[must_use]
pub const fn route_commands<G: Routes>() -> &'static [Command<G>] {
    const { &[Command::new("guest-network-get-route", routes).packed()] }
}

/// Tells the network interfaces.
///
/// Returns a list: of each its `name`, and where they are known its `hardware-address`, its `ip-addresses` (each with `ip-address`,
/// `ip-address-type` and `prefix`), and its `statistics`.
fn interfaces<G: Interfaces>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    if request.step() == 0 {
        request.arguments().finish()?;
    }
    list_in_parts(guest, request, reply, begin_interface, rest_of_interface)
}

fn begin_interface<G: Interfaces>(guest: &mut G, index: usize, reply: &mut Reply<'_>) -> Result<bool, Error> {
    let Some(interface) = guest.interface(index)? else { return Ok(false) };
    reply.open_with(None, &interface)?;
    Ok(true)
}

/// The statistics, then an address each.
fn rest_of_interface<G: Interfaces>(
    guest: &mut G,
    interface: usize,
    part: usize,
    reply: &mut Reply<'_>,
) -> Option<usize> {
    match part.checked_sub(1) {
        None => {
            // What does not fit is left out.
            let _ = reply.member("statistics", &guest.interface_statistics(interface));
        }
        Some(index) => {
            let address = guest.address(interface, index).map(WireAddress::from);
            if address.is_none() && index == 0 || !list_member(reply, "ip-addresses", index, address) {
                return None;
            }
        }
    }
    Some(part.saturating_add(1))
}

/// Tells the routes.
///
/// Returns a list: of each the interface `iface`, `destination`, `metric`, `source`, `gateway`, `mask` or `desprefixlen`, and `version`, 4 or 6, among
/// others.
fn routes<G: Routes>(guest: &mut G, request: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    let step = request.step();
    if step == 0 {
        request.arguments().finish()?;
    }
    reply.element(guest.route(step).map(|route| route.map(WireRoute::from)))
}

/// QEMU's `GuestNetworkRoute`.
#[derive(Serialize)]
struct WireRoute<'a> {
    iface: &'a str,
    destination: AddressText,
    metric: u32,
    gateway: Option<AddressText>,
    mask: Option<AddressText>,
    irtt: Option<u32>,
    flags: Option<u64>,
    refcnt: Option<u32>,
    #[serde(rename = "use")]
    uses: Option<u32>,
    window: Option<u32>,
    mtu: Option<u32>,
    desprefixlen: Option<PrefixText>,
    source: Option<AddressText>,
    srcprefixlen: Option<PrefixText>,
    nexthop: Option<AddressText>,
    version: u8,
}

/// A prefix's length, which the schema has as a string.
struct PrefixText(u8);

impl Serialize for PrefixText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'a> From<Route<'a>> for WireRoute<'a> {
    fn from(route: Route<'a>) -> Self {
        let v4 = |address| AddressText(IpAddr::V4(address));
        let v6 = |address| AddressText(IpAddr::V6(address));
        let common = Self {
            iface: route.interface,
            destination: v4(Ipv4Addr::UNSPECIFIED),
            metric: route.metric,
            gateway: None,
            mask: None,
            irtt: route.initial_rtt,
            flags: route.flags,
            refcnt: route.references,
            uses: route.uses,
            window: route.window,
            mtu: route.mtu,
            desprefixlen: None,
            source: None,
            srcprefixlen: None,
            nexthop: None,
            version: 0,
        };
        match route.to {
            Destination::V4 { network, mask, gateway } => {
                Self { destination: v4(network), mask: Some(v4(mask)), gateway: gateway.map(v4), version: 4, ..common }
            }
            Destination::V6 { network, prefix, source, next_hop } => Self {
                destination: v6(network),
                desprefixlen: Some(PrefixText(prefix)),
                source: source.map(|(network, _)| v6(network)),
                srcprefixlen: source.map(|(_, prefix)| PrefixText(prefix)),
                nexthop: next_hop.map(v6),
                version: 6,
                ..common
            },
        }
    }
}
