//! A network interface: a card, its addresses and routes, and how it gets them.

use core::{fmt, mem};

use heapless::Vec;
use smoltcp::iface::{
    self, Config, Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet, SocketStorage,
};
use smoltcp::socket::dhcpv4::{Event, RetryConfig, Socket};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, Ipv4Address, Ipv6Address, Ipv6Cidr};

use crate::port::{Card, Port, Statistics};
use crate::setting::{Method, Static};

/// How many frames one poll takes at most, so that a flood keeps nobody else waiting.
const FRAMES: usize = 16;
/// How often DHCP's first messages are repeated (RFC 2131, 4.1). smoltcp's own intervals are longer.
const DISCOVER_AGAIN: Duration = Duration::from_secs(4);
const REQUEST_AGAIN: Duration = Duration::from_secs(2);
/// When to poll again if smoltcp 0.14 does not say when. It says "at once" for ever if no router answered its three solicitations,
/// and "never" if only one of IPv6 and DHCP waits for something.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// fe80::/64 (RFC 4291, 2.5.6).
const LINK_LOCAL: Ipv6Cidr = Ipv6Cidr::new(Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64);

/// Memory for a link's sockets: DHCP's is the only one.
pub type Storage = [SocketStorage<'static>; 1];

/// That memory without a socket.
pub const NO_SOCKETS: Storage = [SocketStorage::EMPTY];

/// A network interface.
pub struct Link<C: Card> {
    port: Port<C>,
    interface: Interface,
    sockets: SocketSet<'static>,
    dhcp: Option<SocketHandle>,
    /// Whether `v4` was leased by DHCP.
    leased: bool,
    /// The address that was assigned or leased. Other addresses are link-local, or have an advertised prefix.
    v4: Option<Static>,
    v6: Option<Static>,
    /// Whether it has a link-local IPv6 address, and looks for routers.
    has_v6: bool,
    polled: Instant,
}

/// A route of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it leads.
    pub network: IpCidr,
    /// The router towards it, if it is not on the link.
    pub gateway: Option<IpAddress>,
}

impl<C: Card> Link<C> {
    /// A link of `card`, which has the hardware address `mac`. It uses DHCP, unless `methods`, which are applied in order, say
    /// otherwise. `seed` should differ at each boot.
    pub fn new(card: C, mac: [u8; 6], storage: &'static mut Storage, seed: u64, methods: &[Method]) -> Self {
        let has_v6 = methods.last() != Some(&Method::None);
        let mac = HardwareAddress::Ethernet(EthernetAddress(mac));
        let mut config = Config::new(mac);
        config.random_seed = seed;
        config.slaac = has_v6;
        let mut port = Port::new(card);
        let mut interface = Interface::new(config, &mut port, Instant::ZERO);
        // A host that solicits routers must have this address.
        if let Some(link_local) = Ipv6Cidr::from_link_prefix(&LINK_LOCAL, mac).filter(|_| has_v6) {
            replace(&mut interface, None, Some(Static { address: link_local.into(), gateway: None }));
        }
        let sockets = SocketSet::new(&mut storage[..]);
        let polled = Instant::ZERO;
        let mut link = Self { port, interface, sockets, dhcp: None, leased: false, v4: None, v6: None, has_v6, polled };
        link.start_dhcp();
        for method in methods {
            match *method {
                Method::Dhcp => link.start_dhcp(),
                Method::None => {
                    link.stop_dhcp();
                    for old in [link.v4.take(), link.v6.take()] {
                        replace(&mut link.interface, old, None);
                    }
                }
                Method::Static(assigned) => link.assign(assigned),
            }
        }
        link
    }

    /// Does what can be done without waiting. Returns whether there was anything to do.
    pub fn poll(&mut self, now: Instant) -> bool {
        self.polled = now;
        self.port.card.acknowledge();
        self.interface.poll_maintenance(now);
        let mut busy = false;
        for _ in 0..FRAMES {
            let Self { port, interface, sockets, .. } = self;
            if interface.poll_ingress_single(now, port, sockets) == PollIngressSingleResult::None {
                break;
            }
            busy = true;
            // At once: what is sent next may depend on it.
            self.follow_dhcp();
        }
        let Self { port, interface, sockets, .. } = self;
        busy |= interface.poll_egress(now, port, sockets) == PollResult::SocketStateChanged;
        self.follow_dhcp();
        busy
    }

    /// How long after `now` to poll again, unless a frame comes before. `None`: never.
    pub fn idle(&mut self, now: Instant) -> Option<Duration> {
        let at = match self.interface.poll_at(self.polled, &self.sockets) {
            Some(at) if at > self.polled => at,
            None if !self.has_v6 => return None,
            _ => self.polled + LOOK_AGAIN,
        };
        Some(if at > now { at - now } else { Duration::ZERO })
    }

    /// Assigns an address. It replaces the one of the same version that was assigned or leased.
    pub fn assign(&mut self, assigned: Static) {
        let place = match assigned.address {
            IpCidr::Ipv4(_) => {
                self.stop_dhcp();
                &mut self.v4
            }
            IpCidr::Ipv6(_) => &mut self.v6,
        };
        let old = place.replace(assigned);
        replace(&mut self.interface, old, Some(assigned));
    }

    /// Starts to look for a DHCP server, unless it does already. An assigned address stays until there is a lease.
    pub fn start_dhcp(&mut self) {
        if self.dhcp.is_none() {
            let mut socket = Socket::new();
            let mut retry = RetryConfig::default();
            retry.discover_timeout = DISCOVER_AGAIN;
            retry.initial_request_timeout = REQUEST_AGAIN;
            socket.set_retry_config(retry);
            // The storage has a place for this socket, which is not there yet.
            self.dhcp = Some(self.sockets.add(socket));
        }
    }

    /// Stops looking for a DHCP server. The address stays.
    pub fn stop_dhcp(&mut self) {
        self.leased = false;
        if let Some(socket) = self.dhcp.take() {
            self.sockets.remove(socket);
        }
    }

    /// Whether it looks for a DHCP server, or has found one.
    pub const fn has_dhcp(&self) -> bool {
        self.dhcp.is_some()
    }

    /// Whether its IPv4 address was leased by DHCP.
    pub const fn has_lease(&self) -> bool {
        self.leased
    }

    /// Applies what the DHCP server said.
    fn follow_dhcp(&mut self) {
        let Some(handle) = self.dhcp else { return };
        let socket = self.sockets.get_mut::<Socket<'_>>(handle);
        let lease = match socket.poll() {
            None => return,
            // smoltcp panics when it renews a lease of a server without an address.
            Some(Event::Configured(lease)) if lease.server.address.is_unspecified() => return socket.reset(),
            Some(Event::Configured(lease)) => {
                // A router may lie outside of the network, but its address must be a host's.
                let router = lease.router.filter(|&router| IpAddress::from(router).is_unicast());
                Some(Static { address: lease.address.into(), gateway: router.map(IpAddress::from) })
            }
            // It begins with "no lease". That removes a leased address, but not an assigned one.
            Some(Event::Deconfigured) if self.leased => None,
            Some(Event::Deconfigured) => return,
        };
        let old = mem::replace(&mut self.v4, lease);
        self.leased = lease.is_some();
        replace(&mut self.interface, old, lease);
    }

    /// The card.
    pub const fn card(&mut self) -> &mut C {
        &mut self.port.card
    }

    /// The hardware address.
    pub fn mac(&self) -> [u8; 6] {
        let HardwareAddress::Ethernet(mac) = self.interface.hardware_addr();
        mac.0
    }

    /// The `index`-th address.
    pub fn address(&self, index: usize) -> Option<IpCidr> {
        self.interface.ip_addrs().get(index).copied()
    }

    /// What was received and sent.
    pub const fn statistics(&self) -> Statistics {
        self.port.statistics
    }

    /// The `index`-th route. Networks on the link come first, those behind routers after them.
    ///
    /// # Errors
    /// The number of routes, if `index` is not less.
    pub fn route(&mut self, index: usize) -> Result<Route, usize> {
        let on_link =
            self.interface.ip_addrs().iter().map(|&address| Route { network: network(address), gateway: None });
        let mut all: Vec<Route, 16> = on_link.collect();
        // smoltcp gives only mutable access to its table of routes.
        self.interface.routes_mut().update(|routes| {
            all.extend(routes.iter().map(|route| Route { network: route.cidr, gateway: Some(route.via_router) }));
        });
        all.get(index).copied().ok_or(all.len())
    }
}

impl<C: Card> fmt::Debug for Link<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("v4", &self.v4).field("v6", &self.v6).finish_non_exhaustive()
    }
}

/// Replaces an address and its default route by another, or by none.
fn replace(interface: &mut Interface, old: Option<Static>, new: Option<Static>) {
    interface.update_ip_addrs(|addresses| {
        addresses.retain(|address| old.is_none_or(|old| *address != old.address));
        if let Some(new) = new.filter(|new| !addresses.contains(&new.address)) {
            // There is room for as many as a link can have. It comes first, because hosts show the first ones.
            let _ = match new.address {
                IpCidr::Ipv4(_) => addresses.insert(0, new.address),
                IpCidr::Ipv6(_) => addresses.push(new.address),
            };
        }
    });
    interface.routes_mut().update(|routes| {
        routes.retain(|route| old.is_none_or(|old| old.gateway != Some(route.via_router)));
        if let Some(gateway) = new.and_then(|new| new.gateway) {
            // Routers that advertise themselves may have filled the table.
            if routes.is_full() {
                routes.pop();
            }
            let everywhere = match gateway {
                IpAddress::Ipv4(_) => IpCidr::new(Ipv4Address::UNSPECIFIED.into(), 0),
                IpAddress::Ipv6(_) => IpCidr::new(Ipv6Address::UNSPECIFIED.into(), 0),
            };
            let route = iface::Route { cidr: everywhere, via_router: gateway, preferred_until: None, expires_at: None };
            let _ = routes.push(route);
        }
    });
}

/// The network that an address is in.
fn network(address: IpCidr) -> IpCidr {
    match address {
        IpCidr::Ipv4(address) => address.network().into(),
        IpCidr::Ipv6(address) => {
            let bits = address.address().to_bits();
            let hosts = u128::MAX.checked_shr(address.prefix_len().into()).unwrap_or(0);
            IpCidr::new(Ipv6Address::from_bits(bits & !hosts).into(), address.prefix_len())
        }
    }
}
