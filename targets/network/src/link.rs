//! A network interface: a card, its addresses and routes, and how it comes to them.

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
/// DHCP's first messages are repeated so often (RFC 2131, 4.1). smoltcp's own figures are made for patience.
const DISCOVER_AGAIN: Duration = Duration::from_secs(4);
const REQUEST_AGAIN: Duration = Duration::from_secs(2);
/// When to look again if smoltcp 0.14 does not say when. It says so at once, for good, where no router has answered its three
/// solicitations, and never where only one of IPv6 and DHCP is waiting for something.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// fe80::/64 (RFC 4291, 2.5.6).
const LINK_LOCAL: Ipv6Cidr = Ipv6Cidr::new(Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64);

/// Room for a link's sockets: that of DHCP is the only one.
pub type Storage = [SocketStorage<'static>; 1];

/// That room, empty.
pub const NO_SOCKETS: Storage = [SocketStorage::EMPTY];

/// A network interface.
pub struct Link<C: Card> {
    port: Port<C>,
    interface: Interface,
    sockets: SocketSet<'static>,
    dhcp: Option<SocketHandle>,
    /// Whether `v4` is DHCP's.
    leased: bool,
    /// What was assigned, or leased; the addresses beside are link-local, or by advertised prefixes.
    v4: Option<Static>,
    v6: Option<Static>,
    /// Whether it has an address of its own for IPv6, and looks for routers.
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
    /// A link of `card`, which has the hardware address `mac`. It uses DHCP, unless one of `methods`, which it is told one
    /// after the other, is something else. `seed` should be another one at each boot.
    pub fn new(card: C, mac: [u8; 6], storage: &'static mut Storage, seed: u64, methods: &[Method]) -> Self {
        let has_v6 = methods.last() != Some(&Method::None);
        let mac = HardwareAddress::Ethernet(EthernetAddress(mac));
        let mut config = Config::new(mac);
        config.random_seed = seed;
        config.slaac = has_v6;
        let mut port = Port::new(card);
        let mut interface = Interface::new(config, &mut port, Instant::ZERO);
        // Whoever solicits routers must have this one.
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

    /// Does what can be done without waiting; says whether there was anything.
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

    /// How long after `now` there will be something to do, unless a frame comes before. `None`: never.
    pub fn idle(&mut self, now: Instant) -> Option<Duration> {
        let at = match self.interface.poll_at(self.polled, &self.sockets) {
            Some(at) if at > self.polled => at,
            None if !self.has_v6 => return None,
            _ => self.polled + LOOK_AGAIN,
        };
        Some(if at > now { at - now } else { Duration::ZERO })
    }

    /// Gives it an address, in the place of the one of the same version that was assigned or leased.
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

    /// Looks for a DHCP server, unless it does so already. An assigned address stays until there is a lease.
    pub fn start_dhcp(&mut self) {
        if self.dhcp.is_none() {
            let mut socket = Socket::new();
            let mut retry = RetryConfig::default();
            retry.discover_timeout = DISCOVER_AGAIN;
            retry.initial_request_timeout = REQUEST_AGAIN;
            socket.set_retry_config(retry);
            // The storage has a place for it, and there is none.
            self.dhcp = Some(self.sockets.add(socket));
        }
    }

    /// Looks for no DHCP server any more. The address stays.
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

    /// Whether its IPv4 address is DHCP's.
    pub const fn has_lease(&self) -> bool {
        self.leased
    }

    /// Does what DHCP says.
    fn follow_dhcp(&mut self) {
        let Some(handle) = self.dhcp else { return };
        let socket = self.sockets.get_mut::<Socket<'_>>(handle);
        let lease = match socket.poll() {
            None => return,
            // smoltcp panics when such a lease is to be renewed: nobody can be asked.
            Some(Event::Configured(lease)) if lease.server.address.is_unspecified() => return socket.reset(),
            Some(Event::Configured(lease)) => {
                // A router may be outside the network, but must be one host.
                let router = lease.router.filter(|&router| IpAddress::from(router).is_unicast());
                Some(Static { address: lease.address.into(), gateway: router.map(IpAddress::from) })
            }
            // Its first word is that there is no lease. That takes away what was leased, not what was assigned.
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

    /// What went through.
    pub const fn statistics(&self) -> Statistics {
        self.port.statistics
    }

    /// The `index`-th route: the networks on the link, then those behind routers.
    ///
    /// # Errors
    /// How many routes there are, if fewer.
    pub fn route(&mut self, index: usize) -> Result<Route, usize> {
        let on_link =
            self.interface.ip_addrs().iter().map(|&address| Route { network: network(address), gateway: None });
        let mut all: Vec<Route, 16> = on_link.collect();
        // smoltcp shows its table only to those who may change it.
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

/// Puts an address and its way out in the place of another one's, or of none.
fn replace(interface: &mut Interface, old: Option<Static>, new: Option<Static>) {
    interface.update_ip_addrs(|addresses| {
        addresses.retain(|address| old.is_none_or(|old| *address != old.address));
        if let Some(new) = new.filter(|new| !addresses.contains(&new.address)) {
            // There is room for as many as a link can have. Hosts show the first ones.
            let _ = match new.address {
                IpCidr::Ipv4(_) => addresses.insert(0, new.address),
                IpCidr::Ipv6(_) => addresses.push(new.address),
            };
        }
    });
    interface.routes_mut().update(|routes| {
        routes.retain(|route| old.is_none_or(|old| old.gateway != Some(route.via_router)));
        if let Some(gateway) = new.and_then(|new| new.gateway) {
            // Routers that advertise themselves may have taken all places.
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
