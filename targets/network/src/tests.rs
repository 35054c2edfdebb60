//! A link on a simulated network.

mod dhcp;
mod lan;
mod presence;

use core::net::{Ipv4Addr, Ipv6Addr};
use std::vec::Vec;

use proptest::prelude::*;
use smoltcp::time::Duration;
use smoltcp::wire::{
    ArpOperation, DhcpMessageType, EthernetAddress, Icmpv4Repr, Icmpv6Repr, NdiscNeighborFlags, NdiscPrefixInfoFlags,
    NdiscPrefixInformation, NdiscRepr, NdiscRouterFlags,
};

use super::{Method, Setting};
use lan::{Fate, LEASED, LINK_LOCAL, Lan, MAC, ROUTER, Server, arp, dhcp, icmpv4, icmpv6};

const ROUTER_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
const BY_PREFIX: &str = "2001:db8::5054:ff:fe00:2/64";

fn assigned(words: &str) -> Method {
    Setting::parse(&std::format!("ip=eth0,{words}")).unwrap().method
}

/// A router advertisement from `from`: its lifetime in seconds, and a prefix with its length in bits.
fn advertisement(from: Ipv6Addr, seconds: u64, prefix: Ipv6Addr, prefix_len: u8, options: usize) -> Vec<u8> {
    let lifetime = Duration::from_secs(seconds);
    let advertisement = NdiscRepr::RouterAdvert {
        hop_limit: 64,
        flags: NdiscRouterFlags::empty(),
        router_lifetime: lifetime,
        reachable_time: Duration::ZERO,
        retrans_time: Duration::ZERO,
        lladdr: None,
        mtu: None,
        prefix_info: Some(NdiscPrefixInformation {
            prefix_len,
            flags: NdiscPrefixInfoFlags::ON_LINK | NdiscPrefixInfoFlags::ADDRCONF,
            valid_lifetime: lifetime,
            preferred_lifetime: lifetime,
            prefix,
        }),
    };
    icmpv6(from, ALL_NODES, &Icmpv6Repr::Ndisc(advertisement), options)
}

#[test]
fn a_lease_gives_an_address_and_a_route_and_is_renewed() {
    let mut lan = Lan::new(&[]);
    lan.server = Some(Server { seconds: 1000, ..Server::default() });
    lan.pass(1);
    assert!(lan.link.has_lease());
    assert_eq!(lan.addresses(), ["192.0.2.15/24", LINK_LOCAL]);
    assert_eq!(lan.gateways(), ["192.0.2.1"]);
    lan.pass(20_000);
    assert_eq!(lan.addresses(), ["192.0.2.15/24", LINK_LOCAL]);
}

#[test]
fn a_lease_that_nobody_renews_ends_and_takes_its_route_along() {
    let mut lan = Lan::new(&[]);
    lan.server = Some(Server { seconds: 1000, ..Server::default() });
    lan.pass(1);
    lan.server = None;
    lan.pass(990);
    let renewals: Vec<_> = lan.sent().iter().filter_map(|frame| dhcp(frame)).collect();
    // It goes directly to a neighbour that is still in the cache, and to everybody in the end.
    assert!(renewals.iter().any(|(message, _, to)| (*message, *to) == (DhcpMessageType::Request, Ipv4Addr::BROADCAST)));
    assert_eq!(lan.addresses(), ["192.0.2.15/24", LINK_LOCAL]);
    lan.pass(20);
    assert!(!lan.link.has_lease());
    assert_eq!(lan.addresses(), [LINK_LOCAL]);
    assert!(lan.gateways().is_empty());
    lan.server = Some(Server::default());
    lan.pass(20);
    assert_eq!(lan.addresses(), ["192.0.2.15/24", LINK_LOCAL]);
}

#[test]
fn a_lease_is_minded_though_a_router_has_nothing_to_say() {
    let mut lan = Lan::new(&[]);
    lan.server = Some(Server { seconds: 100, ..Server::default() });
    lan.pass(1);
    lan.send(advertisement(ROUTER_V6, 0, PREFIX, 64, 0));
    lan.server = None;
    lan.pass(110);
    assert_eq!(lan.addresses(), [LINK_LOCAL]);
}

#[test]
fn a_server_that_cannot_be_asked_again_gives_no_lease() {
    for seconds in [0, 1, 100] {
        let mut lan = Lan::new(&[]);
        lan.server = Some(Server { seconds, says_it_is: Ipv4Addr::UNSPECIFIED, ..Server::default() });
        lan.pass(3);
        assert!(!lan.link.has_lease());
        assert_eq!(lan.addresses(), [LINK_LOCAL]);
    }
}

#[test]
fn a_router_that_is_no_host_is_no_route() {
    for router in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, Ipv4Addr::new(224, 0, 0, 1)] {
        let mut lan = Lan::new(&[]);
        lan.server = Some(Server { router: Some(router), ..Server::default() });
        lan.pass(1);
        assert!(lan.link.has_lease());
        assert!(lan.gateways().is_empty());
    }
}

#[test]
fn an_assigned_address_stays_until_there_is_a_lease() {
    let mut lan = Lan::new(&[assigned("192.0.2.5/24,192.0.2.2")]);
    lan.pass(10);
    assert!(!lan.sent().iter().any(|frame| dhcp(frame).is_some()), "nobody asked for DHCP");
    let before = (lan.addresses(), lan.gateways());
    assert_eq!(before.0, ["192.0.2.5/24", LINK_LOCAL]);
    assert_eq!(before.1, ["192.0.2.2"]);
    lan.link.start_dhcp();
    lan.pass(30);
    assert!(lan.sent().iter().filter(|frame| dhcp(frame).is_some()).count() > 3);
    assert_eq!((lan.addresses(), lan.gateways()), before);
    lan.link.stop_dhcp();
    lan.pass(30);
    assert_eq!((lan.addresses(), lan.gateways(), lan.sent().len()), (before.0, before.1, 0));
    lan.link.start_dhcp();
    lan.server = Some(Server::default());
    lan.pass(1);
    assert_eq!(lan.addresses(), ["192.0.2.15/24", LINK_LOCAL]);
    assert_eq!(lan.gateways(), ["192.0.2.1"]);
}

#[test]
fn an_assigned_address_takes_the_leases_place() {
    let mut lan = Lan::new(&[]);
    lan.server = Some(Server { seconds: 100, ..Server::default() });
    lan.pass(1);
    let Method::Static(address) = assigned("198.51.100.5/28") else { unreachable!("the word says so") };
    lan.link.assign(address);
    lan.pass(1000);
    assert!(!lan.link.has_dhcp());
    assert_eq!(lan.addresses(), ["198.51.100.5/28", LINK_LOCAL]);
    assert!(lan.gateways().is_empty());
}

#[test]
fn of_several_words_the_last_counts() {
    let mut lan = Lan::new(&[assigned("192.0.2.5/24"), assigned("192.0.2.6/24"), assigned("2001:db8::5/64")]);
    assert_eq!(lan.addresses(), ["192.0.2.6/24", LINK_LOCAL, "2001:db8::5/64"]);
    lan.pass(1);
    let off = Lan::new(&[assigned("192.0.2.5/24"), Method::None]);
    assert!(off.addresses().is_empty() && !off.link.has_dhcp());
    assert!(Lan::new(&[Method::None, Method::Dhcp]).link.has_dhcp());
}

#[test]
fn an_interface_that_is_not_to_be_used_is_silent() {
    let mut lan = Lan::new(&[Method::None]);
    lan.send(advertisement(ROUTER_V6, 100, PREFIX, 64, 0));
    lan.pass(1000);
    assert!(lan.addresses().is_empty() && lan.sent().is_empty());
}

#[test]
fn advertised_prefixes_give_addresses_and_their_routers_routes_for_as_long_as_they_say() {
    let mut lan = Lan::new(&[Method::None, assigned("192.0.2.5/24")]);
    lan.send(advertisement(ROUTER_V6, 100, PREFIX, 64, 0));
    assert_eq!(lan.addresses(), ["192.0.2.5/24", LINK_LOCAL, BY_PREFIX]);
    assert_eq!(lan.gateways(), ["fe80::1"]);
    lan.pass(90);
    assert_eq!(lan.addresses().len(), 3);
    lan.send(advertisement(ROUTER_V6, 100, PREFIX, 64, 8));
    lan.pass(90);
    assert_eq!(lan.addresses().len(), 3);
    lan.pass(20);
    assert_eq!(lan.addresses(), ["192.0.2.5/24", LINK_LOCAL]);
    assert!(lan.gateways().is_empty());
}

#[test]
fn advertisements_of_prefixes_that_cannot_be_are_dropped() {
    for (prefix, bits) in [(ALL_NODES, 64), (ALL_NODES, 128), (PREFIX, 129), (PREFIX, 255)] {
        for options in [0, 8, 24] {
            let mut lan = Lan::new(&[]);
            lan.send(advertisement(ROUTER_V6, 100, prefix, bits, options));
            lan.pass(10);
            assert_eq!(lan.addresses(), [LINK_LOCAL], "{prefix}/{bits}");
            let counts = lan.link.statistics();
            assert_eq!((counts.rx_packets, counts.rx_dropped), (1, 1), "{prefix}/{bits} after {options} bytes");
        }
    }
}

#[test]
fn however_many_routers_there_are_the_assigned_one_has_its_place() {
    let mut lan = Lan::new(&[]);
    for router in 1..=9 {
        let from = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, router);
        lan.send(advertisement(from, 100, Ipv6Addr::new(0x2001, 0xdb8, router, 0, 0, 0, 0, 0), 64, 0));
    }
    lan.server = Some(Server::default());
    lan.pass(10);
    assert!(lan.gateways().contains(&"192.0.2.1".into()), "{:?}", lan.gateways());
    assert!(lan.addresses().contains(&"192.0.2.15/24".into()));
}

#[test]
fn pings_are_answered_with_what_they_brought_and_all_is_counted() {
    let mut lan = Lan::new(&[assigned("192.0.2.15/24")]);
    lan.pass(10);
    let before = lan.link.statistics();
    lan.sent();
    let own: Ipv6Addr = LINK_LOCAL.trim_end_matches("/64").parse().unwrap();
    let data = [7; 1000];
    let asked = [
        arp(ArpOperation::Request, ROUTER, LEASED),
        icmpv4(ROUTER, LEASED, &Icmpv4Repr::EchoRequest { ident: 1, seq_no: 2, data: &data }),
        icmpv6(ROUTER_V6, own, &Icmpv6Repr::EchoRequest { ident: 1, seq_no: 2, data: &data }, 0),
    ];
    for frame in &asked {
        lan.send(frame.clone());
    }
    let sent = lan.sent();
    let [arp, v4, ask_v6] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(arp[6..12], MAC);
    assert!(v4.ends_with(&data) && v4[34] == 0, "an echo reply");
    // The link does not know the hardware address of the one who asked: it solicits it.
    assert_eq!(ask_v6[54], 135);
    let counts = lan.link.statistics();
    let bytes = |frames: &[Vec<u8>]| frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
    assert_eq!((counts.rx_packets - before.rx_packets, counts.rx_bytes - before.rx_bytes), (3, bytes(&asked)));
    assert_eq!((counts.tx_packets - before.tx_packets, counts.tx_bytes - before.tx_bytes), (3, bytes(&sent)));
    assert_eq!((counts.rx_errs, counts.rx_dropped), (0, 0));
}

#[test]
fn the_first_ping_of_a_neighbour_is_answered_when_its_address_is_known() {
    let own: Ipv6Addr = LINK_LOCAL.trim_end_matches("/64").parse().unwrap();
    let data = [7; 1000];
    let told = NdiscRepr::NeighborAdvert {
        flags: NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE,
        target_addr: ROUTER_V6,
        lladdr: Some(EthernetAddress([2, 0, 0, 0, 0, 1]).into()),
    };
    let pairs = [
        (
            icmpv4(ROUTER, LEASED, &Icmpv4Repr::EchoRequest { ident: 1, seq_no: 2, data: &data }),
            arp(ArpOperation::Reply, ROUTER, LEASED),
        ),
        (
            icmpv6(ROUTER_V6, own, &Icmpv6Repr::EchoRequest { ident: 1, seq_no: 2, data: &data }, 0),
            icmpv6(ROUTER_V6, own, &Icmpv6Repr::Ndisc(told), 0),
        ),
    ];
    for (ping, answer) in pairs {
        let mut lan = Lan::new(&[assigned("192.0.2.15/24")]);
        lan.pass(10);
        lan.sent();
        lan.send(ping.clone());
        let [asked] = &lan.sent()[..] else { panic!("it asks for the address, and nothing else") };
        assert!(!asked.ends_with(&data));
        lan.send(answer.clone());
        assert!(matches!(&lan.sent()[..], [pong] if pong.ends_with(&data)), "the ping is answered");
        lan.send(answer);
        assert!(lan.sent().is_empty(), "it is answered once");
        lan.send(ping);
        assert!(matches!(&lan.sent()[..], [pong] if pong.ends_with(&data)), "the next one is answered at once");
    }
}

#[test]
fn a_frame_that_is_too_long_is_an_error() {
    let mut lan = Lan::new(&[]);
    lan.send(std::vec![0; 1515]);
    let counts = lan.link.statistics();
    assert_eq!((counts.rx_errs, counts.rx_packets, counts.rx_bytes), (1, 0, 0));
}

#[test]
fn nothing_is_lost_to_a_card_without_room() {
    let mut lan = Lan::new(&[]);
    lan.cable.borrow_mut().full = true;
    lan.server = Some(Server::default());
    lan.pass(100);
    assert!(lan.sent().is_empty());
    assert!(lan.polls < 200, "{} polls in 100 s", lan.polls);
    lan.cable.borrow_mut().full = false;
    lan.pass(2);
    assert_eq!(lan.addresses(), ["192.0.2.15/24", LINK_LOCAL]);
}

#[test]
fn a_flood_keeps_nobody_waiting() {
    let mut lan = Lan::new(&[assigned("192.0.2.15/24")]);
    let flood = (0..1000).map(|_| arp(ArpOperation::Request, ROUTER, LEASED));
    lan.cable.borrow_mut().to_link.extend(flood);
    assert!(lan.link.poll(lan.now));
    assert!(lan.cable.borrow().to_link.len() > 900);
    lan.pass(1);
    assert!(lan.cable.borrow().to_link.is_empty());
}

#[test]
fn an_idle_link_sleeps() {
    // Nobody answers: DHCP asks about once a minute, and the link looks every ten seconds whether a prefix has ended.
    let mut lan = Lan::new(&[]);
    lan.pass(600);
    assert!(lan.polls < 120, "{} polls in 600 s", lan.polls);
    // A lease and a router: nothing to do but that until the lease must be renewed or the router expires.
    let mut lan = Lan::new(&[]);
    lan.server = Some(Server { seconds: 86_400, ..Server::default() });
    lan.pass(1);
    lan.send(advertisement(ROUTER_V6, 1800, PREFIX, 64, 0));
    let before = lan.polls;
    lan.pass(1700);
    assert!(lan.polls - before < 200, "{} polls in 1700 s", lan.polls - before);
    // No DHCP, no IPv6: there is never anything to do.
    let mut lan = Lan::new(&[Method::None]);
    lan.pass(1_000_000);
    assert!(lan.polls < 10);
}

proptest! {
    #[test]
    fn any_frames_are_survived(frames: Vec<Vec<u8>>) {
        let mut lan = Lan::new(&[assigned("192.0.2.15/24")]);
        for frame in frames {
            lan.send(frame);
        }
        lan.pass(100);
    }

    /// Nearly valid frames reach more of the code than random ones.
    #[test]
    fn spoiled_frames_are_survived(which in 0..6usize, spoil: Vec<(u16, u8)>, cut: u16, methods in 0..2usize) {
        let own: Ipv6Addr = LINK_LOCAL.trim_end_matches("/64").parse().unwrap();
        let methods = [Method::Dhcp, assigned("192.0.2.15/24")][methods];
        let mut lan = Lan::new(&[methods]);
        lan.server = Some(Server::default());
        lan.pass(1);
        let mut frame = match which {
            0 => arp(ArpOperation::Request, ROUTER, LEASED),
            1 => icmpv4(ROUTER, LEASED, &Icmpv4Repr::EchoRequest { ident: 1, seq_no: 2, data: &[3; 40] }),
            2 => icmpv6(ROUTER_V6, own, &Icmpv6Repr::EchoRequest { ident: 1, seq_no: 2, data: &[3; 40] }, 0),
            3 => advertisement(ROUTER_V6, 100, PREFIX, 64, 0),
            4 => advertisement(ROUTER_V6, 100, PREFIX, 64, 8),
            _ => arp(ArpOperation::Reply, ROUTER, LEASED),
        };
        for (place, byte) in spoil {
            let place = usize::from(place) % frame.len();
            frame[place] = byte;
        }
        frame.truncate(frame.len() - usize::from(cut) % 8);
        lan.send(frame);
        lan.pass(3000);
    }

    /// Requests and answers are lost, come twice and out of order. When that ends there is a lease.
    #[test]
    fn a_network_that_loses_repeats_and_reorders_frames_gives_a_lease_all_the_same(
        to_link in prop::collection::vec(fates(), 1..40), from_link in prop::collection::vec(fates(), 1..40), seconds in 10..5000u64,
    ) {
        let mut lan = Lan::new(&[]);
        lan.server = Some(Server::default());
        for (fates, all) in lan.fates.iter_mut().zip([to_link, from_link]) {
            fates.all = all;
        }
        lan.pass(seconds);
        let mine = ["192.0.2.15/24", LINK_LOCAL];
        let addresses = lan.addresses();
        assert!(addresses.iter().all(|address| mine.contains(&address.as_str())), "{addresses:?}");
        lan.fates = Default::default();
        // A client that was not answered waits for up to a minute, and a lease that is renewed late for half of it.
        lan.pass(1000);
        assert_eq!(lan.addresses(), mine);
        assert_eq!(lan.gateways(), ["192.0.2.1"]);
        lan.pass(20_000);
        assert_eq!(lan.addresses(), mine);
    }
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![2 => Just(Fate::Arrives), 2 => Just(Fate::Lost), 1 => Just(Fate::Twice), 1 => Just(Fate::Late)]
}
