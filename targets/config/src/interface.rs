//! Network interfaces as files describe them, and the words for them.

use heapless::{String, Vec};

use crate::document::Leaf;
use crate::document::Step::{Item, Key};
use crate::meaning::Meaning;
use crate::sink::Sink;

/// A text that is kept: an IPv6 address with a prefix has up to 49 bytes.
type Text = String<50>;

/// The most addresses of an interface, and the most routes.
const MAX: usize = 8;
/// How many links are remembered.
const MAX_LINKS: usize = 8;

/// The kinds that are understood, and those among them that mean DHCP. IPv6 needs none, because interfaces ask routers anyway.
const KINDS: &str = "1 2 physical nameserver static static6 manual ipv6_slaac ipv4 ipv6 dns";
const DHCP: &str = "dhcp dhcp4 ipv4_dhcp";

/// Keeps a text. One that is too long becomes empty, which no word takes.
fn text(value: &str) -> Text {
    Text::try_from(value).unwrap_or_default()
}

/// Hands the word `NAME=VALUE` to a sink, in parts.
pub(crate) fn word(sink: &mut dyn Sink, parts: &[&str]) {
    let mut word = String::<200>::new();
    if parts.iter().all(|part| word.push_str(part).is_ok()) {
        sink.word(&word);
    }
}

/// An address or a network. What a file does not say is empty.
#[derive(Debug, Default)]
struct Place {
    /// With its prefix or without.
    address: Text,
    /// The mask, or the length of the prefix.
    mask: Text,
    /// The router towards it.
    via: Text,
}

impl Place {
    /// What stands between the address and the mask: nothing where the address has its prefix.
    fn slash(&self) -> &'static str {
        if self.mask.is_empty() { "" } else { "/" }
    }

    /// Whether it is everything that no other route leads to.
    fn is_everything(&self) -> bool {
        matches!(self.address.split('/').next(), Some("default" | "0.0.0.0" | "::"))
    }
}

/// An interface.
#[derive(Debug, Default)]
struct Interface {
    /// Its name, or its hardware address.
    name: Text,
    /// The name by which networks refer to it, in OpenStack.
    link: Text,
    /// Whether it is only a network of another one.
    is_network: bool,
    dhcp: bool,
    mtu: Text,
    addresses: Vec<Place, MAX>,
    routes: Vec<Place, MAX>,
    /// What distinguishes the last route from the next one.
    route: Option<(u16, u16)>,
    /// The routers for IPv4 and IPv6.
    gateways: [Text; 2],
}

/// The interfaces of a file.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    /// The element of the file that is being read.
    element: u32,
    interface: Interface,
    /// The names and hardware addresses of the links before.
    links: Vec<(Text, Text), MAX_LINKS>,
}

impl Interfaces {
    /// Takes a value. Returns whether it is understood.
    pub(crate) fn take(&mut self, meaning: Meaning, leaf: &Leaf<'_, '_>, sink: &mut dyn Sink) -> bool {
        if self.element != leaf.element {
            self.finish(sink);
            self.element = leaf.element;
            if let [Key("ethernets"), Key(name), ..] = leaf.path {
                self.interface.name = text(name);
            }
        }
        let (this, value) = (&mut self.interface, text(leaf.value));
        let mut items = leaf.path.iter().skip(2).filter_map(|step| match step {
            Item(index) => Some(*index),
            Key(_) => None,
        });
        let first = items.next().unwrap_or(0);
        let route = Some((first, items.next().unwrap_or(0)));
        let is_one_of = |all: &str| all.split(' ').any(|one| one == leaf.value);
        match meaning {
            Meaning::Mac => this.name = value,
            Meaning::Name if this.name.contains(':') => {}
            Meaning::Name => this.name = value,
            Meaning::Link => this.link = value,
            Meaning::OnLink => {
                let link = self.links.iter().find(|(name, _)| *name == value);
                this.name = link.map_or(Text::new(), |(_, mac)| mac.clone());
                this.is_network = true;
            }
            Meaning::Mtu if leaf.value == "null" => {}
            Meaning::Mtu => this.mtu = value,
            Meaning::Dhcp => this.dhcp = is_one_of("true yes on"),
            Meaning::Kind => {
                this.dhcp |= is_one_of(DHCP);
                return is_one_of(DHCP) || is_one_of(KINDS);
            }
            Meaning::Gateway => this.gateways[usize::from(leaf.value.contains(':'))] = value,
            Meaning::Address | Meaning::Mask => {
                let Some(place) = nth(&mut this.addresses, first.into()) else { return false };
                *(if meaning == Meaning::Mask { &mut place.mask } else { &mut place.address }) = value;
            }
            Meaning::RouteTo | Meaning::RouteMask | Meaning::RouteVia => {
                let next = this.routes.len() - usize::from(this.route == route && !this.routes.is_empty());
                this.route = route;
                let Some(place) = nth(&mut this.routes, next) else { return false };
                *match meaning {
                    Meaning::RouteTo => &mut place.address,
                    Meaning::RouteMask => &mut place.mask,
                    _ => &mut place.via,
                } = value;
            }
            _ => return false,
        }
        true
    }

    /// Hands the words for the interface that is being read to a sink. Does nothing if it has no name.
    pub(crate) fn finish(&mut self, sink: &mut dyn Sink) {
        let Interface { name, link, is_network, dhcp, mtu, addresses, routes, mut gateways, .. } =
            core::mem::take(&mut self.interface);
        if name.is_empty() {
            return;
        }
        if dhcp || !is_network {
            // What does not ask for an address by DHCP has others.
            word(sink, &["ip=", &name, if dhcp { ",dhcp" } else { ",slaac" }]);
        }
        if !mtu.is_empty() {
            word(sink, &["mtu=", &name, ",", &mtu]);
        }
        for route in &routes {
            if route.is_everything() {
                gateways[usize::from(route.via.contains(':'))] = route.via.clone();
            } else {
                word(sink, &["route=", &name, ",", &route.address, route.slash(), &route.mask, ",", &route.via]);
            }
        }
        for place in addresses.iter().filter(|place| !place.address.is_empty()) {
            let gateway = &gateways[usize::from(place.address.contains(':'))];
            let comma = if gateway.is_empty() { "" } else { "," };
            word(sink, &["ip=", &name, ",", &place.address, place.slash(), &place.mask, comma, gateway]);
        }
        if !link.is_empty() {
            // A network of one that has no room is named by its words.
            _ = self.links.push((link, name));
        }
    }
}

/// The place of an index, which is added if it is the next one. `None` if there is no room.
fn nth(places: &mut Vec<Place, MAX>, index: usize) -> Option<&mut Place> {
    while places.len() <= index {
        places.push(Place::default()).ok()?;
    }
    places.get_mut(index)
}
