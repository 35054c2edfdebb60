//! A network interface: a card, its addresses and routes, and how it gets them.

use core::{fmt, mem};

use heapless::{String, Vec};
use smoltcp::iface::{self, Config, Interface, PollIngressSingleResult, PollResult, SocketSet};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, Ipv4Address, Ipv6Address, Ipv6Cidr};

use crate::dhcp::lease::{Lease, MAX_ROUTES};
use crate::dhcp::{Client, MAX_HOST_NAME};
use crate::frame::MAX_MTU;
use crate::port::{Card, Port, Statistics};
use crate::presence::Presence;
use crate::setting::{Method, Static};

/// How many frames one poll takes at most, so that a flood keeps nobody else waiting.
const FRAMES: usize = 16;
/// When to poll again if the card has no room for what is to be sent, or while routers are solicited.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// For how long smoltcp solicits routers.
const SOLICITING: Duration = Duration::from_secs(20);
/// When to poll after that. smoltcp 0.14 does not say when a prefix or a route ends, unless there is a socket: it may end so late.
const LOOK_LATER: Duration = Duration::from_secs(10);

/// fe80::/64 (RFC 4291, 2.5.6).
const LINK_LOCAL: Ipv6Cidr = Ipv6Cidr::new(Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64);

/// A network interface.
pub struct Link<C: Card> {
    port: Port<C>,
    interface: Interface,
    /// There are none, but smoltcp wants them.
    sockets: SocketSet<'static>,
    dhcp: Option<Client>,
    /// The longest packet to send, whatever a DHCP server says.
    most: usize,
    /// The name that DHCP servers are told. Empty: none.
    host_name: String<MAX_HOST_NAME>,
    seed: u64,
    /// Whether `v4` was leased by DHCP.
    leased: bool,
    /// The address that was assigned or leased. Other addresses are link-local, or have an advertised prefix.
    v4: Option<Assigned>,
    v6: Option<Assigned>,
    /// Whether it has a link-local IPv6 address, and looks for routers.
    has_v6: bool,
    duplicate: Option<Ipv6Address>,
    /// When it was polled first, and last.
    begun: Instant,
    polled: Instant,
}

/// An address and the routes that come with it.
#[derive(Clone, Debug)]
struct Assigned {
    address: IpCidr,
    /// Networks and the routers towards them.
    routes: Vec<(IpCidr, IpAddress), MAX_ROUTES>,
}

impl From<Static> for Assigned {
    fn from(Static { address, gateway }: Static) -> Self {
        let everywhere = |gateway| match gateway {
            IpAddress::Ipv4(_) => IpCidr::new(Ipv4Address::UNSPECIFIED.into(), 0),
            IpAddress::Ipv6(_) => IpCidr::new(Ipv6Address::UNSPECIFIED.into(), 0),
        };
        Self { address, routes: gateway.into_iter().map(|gateway| (everywhere(gateway), gateway)).collect() }
    }
}

impl From<&Lease> for Assigned {
    fn from(lease: &Lease) -> Self {
        let routes = lease.routes.iter().map(|&(network, router)| (network.into(), router.into())).collect();
        Self { address: lease.address.into(), routes }
    }
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
    /// otherwise. DHCP servers are told `host_name`, unless it is empty. `seed` should differ at each boot.
    pub fn new(card: C, mac: [u8; 6], seed: u64, methods: &[Method], host_name: &str) -> Self {
        let has_v6 = methods.iter().rfind(|method| method.is_address()) != Some(&Method::None);
        let ethernet = EthernetAddress(mac);
        let mac = HardwareAddress::Ethernet(ethernet);
        let mut config = Config::new(mac);
        config.random_seed = seed;
        config.slaac = has_v6;
        let mut port = Port::new(card);
        port.presence = has_v6.then(|| Presence::new(ethernet));
        let mut interface = Interface::new(config, &mut port, Instant::ZERO);
        // A host that solicits routers must have this address.
        if let Some(link_local) = Ipv6Cidr::from_link_prefix(&LINK_LOCAL, mac).filter(|_| has_v6) {
            replace(&mut interface, None, Some(&Static { address: link_local.into(), gateway: None }.into()));
        }
        let mut link = Self {
            port,
            interface,
            sockets: SocketSet::new(&mut [][..]),
            dhcp: None,
            most: MAX_MTU,
            // A longer one is not told.
            host_name: String::try_from(host_name).unwrap_or_default(),
            seed,
            leased: false,
            v4: None,
            v6: None,
            has_v6,
            duplicate: None,
            begun: Instant::ZERO,
            polled: Instant::ZERO,
        };
        link.start_dhcp();
        for method in methods {
            match *method {
                Method::Dhcp => link.start_dhcp(),
                Method::Slaac => link.stop_dhcp(),
                Method::None => {
                    link.stop_dhcp();
                    for old in [link.v4.take(), link.v6.take()] {
                        replace(&mut link.interface, old.as_ref(), None);
                    }
                }
                Method::Static(assigned) => link.assign(assigned),
                Method::Route(network, router) => add_route(&mut link.interface, network, router),
                Method::Mtu(mtu) => {
                    link.most = mtu.into();
                    link.port.mtu = link.most;
                }
            }
        }
        link
    }

    /// Does what can be done without waiting. Returns whether there was anything to do.
    pub fn poll(&mut self, now: Instant) -> bool {
        if self.begun == Instant::ZERO {
            self.begun = now;
        }
        self.polled = now;
        self.port.card.acknowledge();
        let has_moved = self.port.card.take_moved();
        if let Some(client) = self.dhcp.as_mut().filter(|_| has_moved) {
            client.restart(now);
        }
        self.interface.poll_maintenance(now);
        let mut busy = false;
        for _ in 0..FRAMES {
            let Self { port, interface, sockets, .. } = self;
            if interface.poll_ingress_single(now, port, sockets) == PollIngressSingleResult::None {
                break;
            }
            busy = true;
            if let (Some(message), Some(client)) = (port.message.take(), &mut self.dhcp)
                && client.take(&message, now)
            {
                self.follow_dhcp();
            }
        }
        let Self { port, interface, sockets, .. } = self;
        busy |= interface.poll_egress(now, port, sockets) == PollResult::SocketStateChanged;
        if let Some(client) = self.dhcp.as_mut().filter(|client| client.due().is_some_and(|due| due <= now)) {
            let mut has_ended = false;
            port.send(|frame| {
                let (length, ended) = client.poll(now, frame);
                has_ended = ended;
                length
            });
            if has_ended {
                self.follow_dhcp();
            }
        }
        self.attend_v6(now);
        busy
    }

    /// Sends what is due for the IPv6 addresses, and gives up one that another host has.
    fn attend_v6(&mut self, now: Instant) {
        let Some(mut presence) = self.port.presence.take() else { return };
        let all = self.interface.ip_addrs().iter();
        let addresses: Vec<Ipv6Address, 8> = all
            .filter_map(|address| match address {
                IpCidr::Ipv6(address) => Some(address.address()),
                IpCidr::Ipv4(_) => None,
            })
            .collect();
        presence.follow(&addresses, now);
        for _ in 0..FRAMES {
            if presence.due().is_some_and(|due| due <= now) {
                self.port.send(|frame| presence.poll(now, frame));
            }
        }
        let duplicate = presence.take_duplicate();
        self.port.presence = Some(presence);
        if let Some(address) = duplicate {
            self.give_up(address);
        }
    }

    /// Gives up an IPv6 address that another host has. The others are made of the hardware address, so if it is one of them, another
    /// host has the same, and IPv6 is not used any more (RFC 4862, section 5.4.5).
    fn give_up(&mut self, address: Ipv6Address) {
        self.duplicate = Some(address);
        if let Some(assigned) = self.v6.take_if(|assigned| assigned.address.address() == address.into()) {
            return replace(&mut self.interface, Some(&assigned), None);
        }
        (self.has_v6, self.v6, self.port.presence) = (false, None, None);
        self.interface.update_ip_addrs(|addresses| addresses.retain(|address| matches!(address, IpCidr::Ipv4(_))));
        self.interface.routes_mut().update(|routes| routes.retain(|route| is_v4(route.via_router)));
    }

    /// An IPv6 address that was given up because another host has it, once.
    pub const fn take_duplicate(&mut self) -> Option<Ipv6Address> {
        self.duplicate.take()
    }

    /// How long after `now` to poll again, unless a frame comes before. `None`: never.
    pub fn idle(&mut self, now: Instant) -> Option<Duration> {
        let routers = if self.polled < self.begun + SOLICITING { LOOK_AGAIN } else { LOOK_LATER };
        let routers = self.has_v6.then_some(self.polled + routers);
        let dhcp = self.dhcp.as_ref().and_then(Client::due);
        let presence = self.port.presence.as_ref().and_then(Presence::due);
        // What is still due waits for room in the card.
        let own = dhcp.into_iter().chain(presence).min();
        let own = own.map(|due| if due > self.polled { due } else { self.polled + LOOK_AGAIN });
        let at = routers.into_iter().chain(own).min()?;
        Some(if at > now { at - now } else { Duration::ZERO })
    }

    /// Assigns an address. It replaces the one of the same version that was assigned or leased.
    pub fn assign(&mut self, assigned: Static) {
        let place = match assigned.address {
            IpCidr::Ipv4(_) => {
                self.stop_dhcp();
                &mut self.v4
            }
            IpCidr::Ipv6(_) => {
                let mac = EthernetAddress(self.mac());
                self.port.presence.get_or_insert_with(|| Presence::new(mac));
                &mut self.v6
            }
        };
        let old = place.replace(assigned.into());
        replace(&mut self.interface, old.as_ref(), place.as_ref());
    }

    /// Starts to look for a DHCP server, unless it does already. An assigned address stays until there is a lease.
    pub fn start_dhcp(&mut self) {
        if self.dhcp.is_none() {
            self.seed = self.seed.wrapping_add(1);
            self.dhcp = Some(Client::new(EthernetAddress(self.mac()), &self.host_name, self.seed));
        }
    }

    /// Stops looking for a DHCP server. The address stays.
    pub fn stop_dhcp(&mut self) {
        self.leased = false;
        self.dhcp = None;
    }

    /// Whether it looks for a DHCP server, or has found one.
    pub const fn has_dhcp(&self) -> bool {
        self.dhcp.is_some()
    }

    /// Whether its IPv4 address was leased by DHCP.
    pub const fn has_lease(&self) -> bool {
        self.leased
    }

    /// Applies what the DHCP server has leased. That a lease has ended removes a leased address, but not an assigned one.
    fn follow_dhcp(&mut self) {
        let lease = self.dhcp.as_ref().and_then(Client::lease);
        if lease.is_some() || self.leased {
            self.leased = lease.is_some();
            let mtu = lease.and_then(|lease| lease.mtu).map_or(MAX_MTU, usize::from);
            self.port.mtu = mtu.min(self.most);
            let old = mem::replace(&mut self.v4, lease.map(Assigned::from));
            replace(&mut self.interface, old.as_ref(), self.v4.as_ref());
        }
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
        let mut all: Vec<Route, 32> = self
            .interface
            .ip_addrs()
            .iter()
            .map(|&address| Route { network: network(address), gateway: None })
            .collect();
        // smoltcp gives only mutable access to its table of routes.
        let mut routes = Vec::<Route, 16>::new();
        self.interface.routes_mut().update(|table| {
            routes.extend(table.iter().map(|route| Route { network: route.cidr, gateway: Some(route.via_router) }));
        });
        for route in &routes {
            let Some(router) = route.gateway else { continue };
            let itself = Route { network: IpCidr::new(router, if is_v4(router) { 32 } else { 128 }), gateway: None };
            // A router outside of the networks is on the link all the same, and so is a host that is its own router.
            if !all.iter().any(|known| known.gateway.is_none() && known.network.contains_addr(&router)) {
                let _ = all.push(itself);
            }
            if route.network != itself.network {
                let _ = all.push(*route);
            }
        }
        all.get(index).copied().ok_or(all.len())
    }
}

const fn is_v4(address: IpAddress) -> bool {
    matches!(address, IpAddress::Ipv4(_))
}

impl<C: Card> fmt::Debug for Link<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("v4", &self.v4).field("v6", &self.v6).finish_non_exhaustive()
    }
}

/// Replaces an address and its routes by others, or by none.
fn replace(interface: &mut Interface, old: Option<&Assigned>, new: Option<&Assigned>) {
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
    interface.routes_mut().update(|table| {
        let has = |set: Option<&Assigned>, route: &iface::Route| {
            set.is_some_and(|set| set.routes.contains(&(route.cidr, route.via_router)))
        };
        table.retain(|route| !has(old, route));
    });
    new.iter().flat_map(|new| &new.routes).for_each(|&(network, router)| add_route(interface, network, router));
}

fn add_route(interface: &mut Interface, cidr: IpCidr, via_router: IpAddress) {
    interface.routes_mut().update(|table| {
        // Routers that advertise themselves may have filled the table.
        if table.is_full() {
            table.pop();
        }
        let _ = table.push(iface::Route { cidr, via_router, preferred_until: None, expires_at: None });
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
