//! The DHCP client beside servers that lie, and what it makes of what they say.

use core::net::Ipv4Addr;
use std::boxed::Box;
use std::string::{String, ToString};
use std::vec::Vec;

use smoltcp::wire::DhcpMessageType::{Ack, Discover, Nak, Offer, Request};
use smoltcp::wire::{ArpOperation, Icmpv4Repr};

use super::assigned;
use super::lan::{Asked, LEASED, LINK_LOCAL, Lan, ROUTER, arp, icmpv4, reply};

const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);
const MASK: (u8, &[u8]) = (1, &[255, 255, 255, 0]);
const NONE: [&[(u8, &[u8])]; 2] = [&[], &[]];

/// The answer of the simple server, with these options: its own address is among them.
fn answer(asked: &Asked, options: &[(u8, &[u8])]) -> Vec<Vec<u8>> {
    let kind = if asked.kind == Discover { Offer } else { Ack };
    let server = ROUTER.octets();
    std::vec![reply(kind, asked.transaction, LEASED, &[&[(54, &server[..])], options].concat(), NONE)]
}

fn lan(script: impl FnMut(&Asked) -> Vec<Vec<u8>> + 'static) -> Lan {
    let mut lan = Lan::new(&[]);
    lan.script = Some(Box::new(script));
    lan
}

/// A network whose server gives these options.
fn with(options: &'static [(u8, &'static [u8])]) -> Lan {
    let mut lan = lan(move |asked| answer(asked, options));
    lan.pass(1);
    lan
}

/// The link's routes: the network, and the router if there is one.
fn routes(lan: &mut Lan) -> Vec<String> {
    let all = (0..).map_while(|index| lan.link.route(index).ok());
    let all = all.map(|route| match route.gateway {
        Some(gateway) => std::format!("{} via {gateway}", route.network),
        None => route.network.to_string(),
    });
    all.filter(|route| !route.contains(':')).collect()
}

#[test]
fn a_refusal_of_another_server_is_ignored() {
    let mut lan = lan(|asked| {
        let nak = reply(Nak, asked.transaction, Ipv4Addr::UNSPECIFIED, &[(54, &OTHER.octets())], NONE);
        let unsigned = reply(Nak, asked.transaction, Ipv4Addr::UNSPECIFIED, &[], NONE);
        [std::vec![nak, unsigned], answer(asked, &[MASK, (51, &[0, 0, 0, 100])])].concat()
    });
    lan.pass(1000);
    assert_eq!(lan.addresses(), ["192.0.2.15/24", LINK_LOCAL]);
    assert_eq!(lan.asked.iter().filter(|asked| asked.kind == Discover).count(), 1);
}

#[test]
fn a_client_that_is_refused_waits_longer_each_time() {
    let mut lan = lan(|asked| match asked.kind {
        Discover => answer(asked, &[MASK]),
        _ => std::vec![reply(Nak, asked.transaction, Ipv4Addr::UNSPECIFIED, &[(54, &ROUTER.octets())], NONE)],
    });
    lan.pass(600);
    assert_eq!(lan.addresses(), [LINK_LOCAL]);
    let sought: Vec<_> = lan.asked.iter().filter(|asked| asked.kind == Discover).map(|asked| asked.at).collect();
    let waits: Vec<_> = sought.windows(2).map(|pair| (pair[1] - pair[0]).millis_total()).collect();
    for (wait, expected) in waits.iter().zip([4, 8, 16, 32, 64, 64, 64]) {
        assert!(wait.abs_diff(expected * 1000) <= 1010, "{waits:?}");
    }
    assert!(waits.iter().any(|wait| wait % 1000 > 10), "they differ by chance: {waits:?}");
}

trait Millis {
    fn millis_total(self) -> u64;
}

impl Millis for smoltcp::time::Duration {
    fn millis_total(self) -> u64 {
        self.total_millis()
    }
}

/// The most messages that a client may send: one a second, and the two by which it gets its first lease.
fn is_modest(lan: &mut Lan, what: &str) {
    for end in [10, 100, 300] {
        let now = lan.now.total_millis() as u64 / 1000;
        lan.pass(end - now.min(end));
        let sent = lan.asked.len() as u64;
        assert!(sent <= end + 2, "{what}: {sent} messages in {end} s");
    }
    assert!(!lan.asked.is_empty(), "{what}");
}

#[test]
fn whatever_a_server_says_there_is_no_more_than_a_message_a_second() {
    let server: (u8, &[u8]) = (54, &[192, 0, 2, 1]);
    for seconds in [0u32, 1, 2, 15, 16, 60] {
        let raw = seconds.to_be_bytes();
        let mut lan = lan(move |asked| answer(asked, &[MASK, (51, &raw)]));
        is_modest(&mut lan, &std::format!("a lease of {seconds} s"));
        assert!(lan.link.has_lease());
        // A lease that is acknowledged, and refused when it is to be renewed.
        let mut refused = super::dhcp::lan(move |asked| match asked.client.is_unspecified() {
            true => answer(asked, &[MASK, (51, &raw)]),
            false => std::vec![reply(Nak, asked.transaction, LEASED, &[server], NONE)],
        });
        is_modest(&mut refused, &std::format!("a lease of {seconds} s that is refused later"));
    }
    // Renewals that are due at once, and a lease that ends before.
    for times in [[0u32, 0], [0, 1], [1, 2], [100, 50], [u32::MAX, u32::MAX]] {
        let [renew, rebind] = times.map(u32::to_be_bytes);
        let mut lan = lan(move |asked| answer(asked, &[MASK, (51, &[0, 0, 0, 90]), (58, &renew), (59, &rebind)]));
        is_modest(&mut lan, &std::format!("renewals at {times:?}"));
    }
    let many = |kind, count: usize| {
        move |asked: &Asked| {
            let frame = reply(kind, asked.transaction, LEASED, &[server, MASK, (51, &[0, 0, 0, 1])], NONE);
            std::vec![frame; count]
        }
    };
    for kind in [Offer, Ack, Nak, Discover, Request] {
        is_modest(&mut lan(many(kind, 50)), &std::format!("fifty times {kind:?}"));
    }
    // All at once, for addresses that no host has.
    for address in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, Ipv4Addr::LOCALHOST, Ipv4Addr::new(224, 0, 0, 1)] {
        let mut lan = lan(move |asked| {
            let kinds = [Offer, Ack, Nak];
            kinds.map(|kind| reply(kind, asked.transaction, address, &[server, MASK], NONE)).to_vec()
        });
        is_modest(&mut lan, &std::format!("{address}"));
        assert_eq!(lan.addresses(), [LINK_LOCAL]);
    }
}

#[test]
fn a_router_outside_of_a_network_of_one_host_is_reached() {
    let mut leased = with(&[(1, &[255; 4]), (3, &[172, 31, 1, 1])]);
    assert_eq!(leased.addresses(), ["192.0.2.15/32", LINK_LOCAL]);
    assert_eq!(routes(&mut leased), ["192.0.2.15/32", "172.31.1.1/32", "0.0.0.0/0 via 172.31.1.1"]);
    let mut told = Lan::new(&[assigned("95.1.2.3/32,172.31.1.1")]);
    assert_eq!(routes(&mut told), ["95.1.2.3/32", "172.31.1.1/32", "0.0.0.0/0 via 172.31.1.1"]);
}

#[test]
fn of_several_routers_the_first_counts() {
    let mut lan = with(&[MASK, (3, &[192, 0, 2, 1, 192, 0, 2, 9])]);
    assert_eq!(routes(&mut lan), ["192.0.2.0/24", "0.0.0.0/0 via 192.0.2.1"]);
}

#[test]
fn without_a_mask_the_class_says_how_large_the_network_is() {
    for (first, prefix) in [(10, 8), (172, 16), (192, 24)] {
        const MASKS: [&[(u8, &[u8])]; 3] = [&[], &[(1, &[255, 0, 255, 0])], &[(1, &[255])]];
        for mask in MASKS {
            let address = Ipv4Addr::new(first, 16, 2, 3);
            let mut lan = lan(move |asked| {
                let kind = if asked.kind == Discover { Offer } else { Ack };
                let options = [&[(54, &[192, 0, 2, 1][..])], mask].concat();
                std::vec![reply(kind, asked.transaction, address, &options, NONE)]
            });
            lan.pass(1);
            assert_eq!(lan.addresses()[0], std::format!("{address}/{prefix}"));
        }
    }
}

#[test]
fn options_in_other_fields_are_read() {
    const OPTION: &[(u8, &[u8])] = &[(3, &[192, 0, 2, 9])];
    const MASKED: &[(u8, &[u8])] = &[MASK];
    const WITH: &str = "0.0.0.0/0 via 192.0.2.9";
    for (overload, boot_file, server_name, expected) in [
        (1, MASKED, OPTION, &["192.0.2.0/24"][..]),
        (2, OPTION, MASKED, &["192.0.2.0/24"]),
        (3, MASKED, OPTION, &["192.0.2.0/24", WITH]),
        (0, MASKED, OPTION, &["192.0.2.0/24"]),
    ] {
        let mut lan = lan(move |asked| {
            let kind = if asked.kind == Discover { Offer } else { Ack };
            let options: [(u8, &[u8]); 2] = [(54, &[192, 0, 2, 1]), (52, &[overload])];
            std::vec![reply(kind, asked.transaction, LEASED, &options, [boot_file, server_name])]
        });
        lan.pass(1);
        assert_eq!(routes(&mut lan), expected, "overload {overload}");
    }
}

#[test]
fn classless_routes_take_the_routers_place() {
    let mut lan = with(&[
        MASK,
        (3, &[192, 0, 2, 1]),
        (121, &[0, 192, 0, 2, 9, 10, 10, 64, 192, 0, 2, 8, 32, 169, 254, 169, 254, 0, 0, 0, 0, 8, 11, 0, 0, 0, 0]),
    ]);
    assert_eq!(
        routes(&mut lan),
        ["192.0.2.0/24", "0.0.0.0/0 via 192.0.2.9", "10.64.0.0/10 via 192.0.2.8", "169.254.169.254/32"]
    );
    // None at all, and malformed ones after the first.
    assert_eq!(routes(&mut with(&[MASK, (3, &[192, 0, 2, 1]), (121, &[])])), ["192.0.2.0/24"]);
    for rest in [&[33, 1, 1, 1, 1, 1, 192, 0, 2, 9][..], &[24, 10][..], &[8, 10, 192, 0, 2][..]] {
        let raw: &'static [u8] = [&[8, 10, 192, 0, 2, 8], rest].concat().leak();
        let options: &'static [(u8, &'static [u8])] = Box::leak(Box::new([MASK, (121, raw)]));
        assert_eq!(routes(&mut with(options)), ["192.0.2.0/24", "10.0.0.0/8 via 192.0.2.8"], "{rest:?}");
    }
}

#[test]
fn no_packet_is_longer_than_the_server_says() {
    let data = [7; 1000];
    let ping = icmpv4(ROUTER, LEASED, &Icmpv4Repr::EchoRequest { ident: 1, seq_no: 2, data: &data });
    // A packet is longer than its data by 28 bytes. An MTU below 68 is none.
    for (mtu, is_answered) in [(1028u16, true), (1027, false), (67, true), (9000, true)] {
        let mtu: &'static [u8] = mtu.to_be_bytes().to_vec().leak();
        let mut lan = with(Box::leak(Box::new([MASK, (26, mtu)])));
        lan.script = None;
        lan.send(arp(ArpOperation::Request, ROUTER, LEASED));
        lan.sent();
        lan.send(ping.clone());
        assert_eq!(lan.sent().iter().any(|frame| frame.ends_with(&data)), is_answered, "{mtu:?}");
    }
}

#[test]
fn the_host_name_is_told_and_what_is_wanted_is_asked_for() {
    let lan = with(&[MASK]);
    let [discover, request] = &lan.asked[..] else { panic!("{:?}", lan.asked) };
    for asked in [discover, request] {
        assert_eq!(asked.option(12), Some(&b"a-guest"[..]));
        let wanted = asked.option(55).unwrap();
        assert!([1, 3, 26, 121].iter().all(|option| wanted.contains(option)), "{wanted:?}");
        assert_eq!(asked.to, Ipv4Addr::BROADCAST);
    }
    assert_eq!((request.option(50), request.option(54)), (Some(&LEASED.octets()[..]), Some(&ROUTER.octets()[..])));
}

#[test]
fn a_lease_is_renewed_at_its_server_and_then_anywhere() {
    let mut lan = lan(|asked| match asked.client.is_unspecified() {
        true => answer(asked, &[MASK, (51, &[0, 0, 3, 232])]),
        false => Vec::new(),
    });
    lan.pass(999);
    let renewals: Vec<_> = lan.asked.iter().filter(|asked| !asked.client.is_unspecified()).collect();
    let times: Vec<_> = renewals.iter().map(|asked| (asked.at.total_millis() / 1000, asked.to)).collect();
    assert_eq!(times[0], (500, ROUTER));
    assert_eq!(times.last().unwrap().1, Ipv4Addr::BROADCAST);
    assert!(times.iter().all(|&(at, to)| (at >= 875) == (to == Ipv4Addr::BROADCAST)), "{times:?}");
    assert!(renewals.iter().all(|asked| asked.client == LEASED && asked.option(54).is_none()));
    // It sought servers again only when the lease had ended.
    assert_eq!(lan.asked.iter().filter(|asked| asked.kind == Discover).count(), 1);
    lan.pass(10);
    assert!(lan.asked.iter().filter(|asked| asked.kind == Discover).count() > 1);
}

#[test]
fn a_lease_that_never_ends_is_not_renewed() {
    let mut lan = with(&[MASK, (51, &[255; 4])]);
    lan.pass(100_000_000);
    assert_eq!(lan.asked.len(), 2);
    assert!(lan.link.has_lease());
}

#[test]
fn on_another_network_servers_are_sought_at_once_and_the_lease_stays() {
    let mut lan = with(&[MASK, (51, &[0, 1, 0, 0])]);
    lan.pass(100);
    assert_eq!(lan.asked.len(), 2);
    lan.script = Some(Box::new(|_| Vec::new()));
    lan.cable.borrow_mut().has_moved = true;
    lan.link.poll(lan.now);
    lan.pass(10);
    assert_eq!(lan.asked[2].kind, Discover);
    assert_eq!(lan.addresses(), ["192.0.2.15/24", LINK_LOCAL], "until there is another one");
    let other = Ipv4Addr::new(198, 51, 100, 4);
    lan.script = Some(Box::new(move |asked| {
        let kind = if asked.kind == Discover { Offer } else { Ack };
        std::vec![reply(kind, asked.transaction, other, &[(54, &ROUTER.octets()), MASK], NONE)]
    }));
    lan.pass(70);
    assert_eq!(lan.addresses(), ["198.51.100.4/24", LINK_LOCAL]);
    // One that changes all the time makes no flood.
    lan.asked.clear();
    for _ in 0..1000 {
        lan.cable.borrow_mut().has_moved = true;
        lan.link.poll(lan.now);
    }
    lan.pass(10);
    assert!(lan.asked.len() <= 12, "{}", lan.asked.len());
}
